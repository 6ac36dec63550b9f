//! Cases with their shaders and words, as JSON beside lists of words.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::bench::recorded::Rate;
use crate::codec::logarithmic::ROOTS;
use crate::error::{Error, Result};
use crate::gpu::probe::{Trait, traits};
use crate::gpu::recording::{Range, Recording, Shader, Step, Storage};
use crate::hash::fnv1a64;
use crate::random::normal::TABLE;
use crate::reference::verify::mixed;

/// Number of the form of the JSON.
const FORM: u32 = 1;
/// Words that may fill a buffer again and again.
const PERIOD: usize = 1 << 16;

/// A case as a device answered it with the reference's bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub name: String,
    /// Whether its kernels need subgroups.
    pub shuffles: bool,
    /// Values that were compared with the reference.
    pub compared: u64,
    pub recording: Recording,
}

/// All cases, and what they share: shaders, inputs and parameters, once each.
#[derive(Default)]
pub struct Bundle {
    pub shaders: Vec<Shader>,
    words: Vec<u32>,
    /// By hash: where words begin.
    known: HashMap<(u64, usize), usize>,
    /// Each with its answers, packed: of one case at a time they are many.
    cases: Vec<(Value, Vec<u8>)>,
    rates: Vec<Value>,
    fingerprint: Value,
}

/// What stands in a document for things beside it.
pub struct Beside<'a> {
    /// The text of a shader, by its number.
    pub shader: &'a dyn Fn(usize, &Shader) -> Value,
    /// The packed answers of a case, by its number.
    pub answers: &'a dyn Fn(usize, &[u8]) -> Value,
}

impl Bundle {
    /// With what the probe of the fingerprint asks.
    pub fn new(probe: &Recording) -> Bundle {
        let mut bundle = Bundle::default();
        let traits: Vec<Value> = traits().iter().map(trait_document).collect();
        let mut fingerprint = json!({ "traits": traits });
        bundle.steps(&mut fingerprint, probe, |_| Value::Null);
        bundle.fingerprint = fingerprint;
        bundle
    }

    pub fn add(&mut self, case: &Case) -> Result<()> {
        let mut document = json!({ "name": case.name, "subgroups": case.shuffles, "compared": case.compared });
        let mut answers: Vec<u32> = Vec::new();
        self.steps(&mut document, &case.recording, |found| {
            answers.extend_from_slice(found);
            json!([answers.len() - found.len(), found.len()])
        });
        self.cases.push((document, packed(&bytes(&answers))?));
        Ok(())
    }

    /// Adds a work that is timed. Of its answers their sums are kept.
    pub fn time(&mut self, name: &str, rate: &Rate) {
        let mut document = json!({ "name": name, "rows": rate.rows, "again": rate.is_again });
        self.steps(&mut document, &rate.recording, |found| json!(sum(found)));
        self.rates.push(document);
    }

    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// The shared words, packed.
    pub fn words(&self) -> Result<Vec<u8>> {
        packed(&bytes(&self.words))
    }

    /// Everything but the shared words, which come last: this may add some.
    pub fn document(&mut self, beside: &Beside) -> Value {
        let tables = self.span(&[&TABLE[..], &ROOTS[..]].concat());
        let shader = |(number, own): (usize, &Shader)| {
            let text = (beside.shader)(number, own);
            json!({ "kernel": own.kernel, "read_only": own.read_only, "text": text })
        };
        let case = |(number, (document, answers)): (usize, &(Value, Vec<u8>))| {
            let mut document = document.clone();
            document["answers"] = (beside.answers)(number, answers);
            document
        };
        json!({
            "form": FORM,
            "version": env!("CARGO_PKG_VERSION"),
            "tables": tables,
            "shaders": self.shaders.iter().enumerate().map(shader).collect::<Vec<_>>(),
            "fingerprint": self.fingerprint,
            "cases": self.cases.iter().enumerate().map(case).collect::<Vec<_>>(),
            "rates": self.rates,
        })
    }

    /// Writes `cases.json`, `words.gz`, and a file for each shader and each case's answers.
    pub fn write(&mut self, dir: &Path) -> Result<()> {
        let shader = |number: usize, shader: &Shader| format!("shaders/{number:03}-{}.wgsl", shader.kernel);
        let answers = |number: usize| format!("answers/{number:03}.gz");
        let document = self.document(&Beside {
            shader: &|number, own| json!(shader(number, own)),
            answers: &|number, _| json!(answers(number)),
        });
        let mut files = vec![("words.gz".to_owned(), self.words()?)];
        files.extend(self.shaders.iter().enumerate().map(|(k, own)| (shader(k, own), with_features(own).into_bytes())));
        files.extend(self.cases.iter().enumerate().map(|(k, (_, packed))| (answers(k), packed.clone())));
        files.push(("cases.json".to_owned(), document.to_string().into_bytes()));
        for name in ["shaders", "answers"] {
            let own = dir.join(name);
            std::fs::create_dir_all(&own).map_err(Error::io(&own))?;
        }
        for (name, bytes) in files {
            let path = dir.join(name);
            std::fs::write(&path, bytes).map_err(Error::io(&path))?;
        }
        Ok(())
    }

    /// Where the words lie among the shared ones: the first, and how many.
    fn span(&mut self, words: &[u32]) -> [usize; 2] {
        let hash = (fnv1a64(bytes(words)), words.len());
        let own = &mut self.words;
        let is_same = |at: &&usize| own.get(**at..**at + words.len()) == Some(words);
        let at = self.known.get(&hash).filter(is_same).copied().unwrap_or_else(|| {
            own.extend_from_slice(words);
            own.len() - words.len()
        });
        self.known.insert(hash, at);
        [at, words.len()]
    }

    fn shader(&mut self, shader: &Shader) -> usize {
        self.shaders.iter().position(|known| known == shader).unwrap_or_else(|| {
            self.shaders.push(shader.clone());
            self.shaders.len() - 1
        })
    }

    /// Adds buffers and steps to a document; `must` says what stands for an answer.
    fn steps(&mut self, document: &mut Value, recording: &Recording, mut must: impl FnMut(&[u32]) -> Value) {
        let shaders: Vec<usize> = recording.shaders.iter().map(|shader| self.shader(shader)).collect();
        let buffer = |Storage { label, words, fill }: &Storage| {
            let fill = fill.as_ref().map(|fill| self.span(period(fill)));
            json!({ "label": label, "words": words, "fill": fill })
        };
        document["buffers"] = recording.buffers.iter().map(buffer).collect();
        let step = |step: &Step| match step {
            Step::Dispatch { shader, params, buffers, groups, times } => json!({
                "dispatch": shaders[*shader],
                "params": self.span(params),
                "buffers": buffers,
                "groups": groups,
                "times": times,
            }),
            Step::Write { buffer, words } => json!({ "write": buffer, "words": self.span(words) }),
            Step::Read { ranges, found } => {
                let range = |range: &Range| [range.buffer as u64, range.first, range.words];
                json!({ "read": ranges.iter().map(range).collect::<Vec<_>>(), "must": must(found) })
            }
        };
        document["steps"] = recording.steps.iter().map(step).collect();
    }
}

/// The text as WebGPU wants it: a device with subgroups has to be told that they are used, which naga refuses to read.
pub fn with_features(shader: &Shader) -> String {
    let enabled = if shader.text.contains("subgroup") { "enable subgroups;\n" } else { "" };
    format!("{enabled}{}", shader.text)
}

/// Little-endian.
fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// As gzip.
pub fn packed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map_err(|error| Error::Other(format!("the cases cannot be packed: {error}")))
}

/// What is repeated to fill a buffer.
fn period(fill: &[u32]) -> &[u32] {
    let (first, rest) = fill.split_at(fill.len().min(PERIOD));
    if !rest.is_empty() && rest.chunks(PERIOD).all(|chunk| chunk == first) { first } else { fill }
}

/// Two words that depend on all words and their places.
fn sum(words: &[u32]) -> [u32; 2] {
    words.iter().zip(0..).fold([0u32; 2], |[a, b], (word, place)| {
        let one = mixed(word.wrapping_add(mixed(place)));
        [a.wrapping_add(one), b.wrapping_add(mixed(one ^ 0x9e37_79b9))]
    })
}

fn trait_document(own: &Trait) -> Value {
    json!({ "named": own.named, "otherwise": own.otherwise })
}
