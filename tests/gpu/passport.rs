//! What a passport holds: what was asked of a device, and the reference's answers.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use roundlaw::gpu::recording::{Recording, Step};
use roundlaw::passport::{Bundle, Case, Recorder, page, works};
use roundlaw::reference::gemv::product;
use roundlaw::watch::Watch;
use serde_json::Value;

use super::gpus;

fn recorded(recorder: &Recorder, name: &str) -> Option<Case> {
    let work = works().into_iter().find(|work| work.name == name).unwrap_or_else(|| panic!("no case {name}"));
    recorder.record(&work, &Watch::default()).expect("the adapter gives the bits of the reference")
}

fn found(recording: &Recording) -> Vec<&[u32]> {
    let reads = recording.steps.iter().filter_map(|step| match step {
        Step::Read { found, .. } => Some(found.as_slice()),
        _ => None,
    });
    reads.collect()
}

#[test]
fn a_case_holds_its_inputs_and_the_answers_of_the_reference() {
    for gpu in gpus() {
        let recorder = Recorder::open(gpu.info.index).expect("it has what every browser has");
        let case = recorded(&recorder, "kernel/gemv/e4m3").expect("it needs no subgroups");
        let Recording { shaders, buffers, steps, .. } = &case.recording;
        assert_eq!((shaders.len(), shaders[0].kernel, steps.len()), (1, "gemv", 8));
        let fill = |label: &'static str| {
            let own = buffers.iter().filter(move |buffer| buffer.label == label);
            own.map(|buffer| buffer.fill.iter().flatten().map(|bits| f32::from_bits(*bits)).collect::<Vec<f32>>())
        };
        let products = fill("Z").zip(fill("v")).map(|(z, v)| product(&z, v.len(), &v));
        let must: Vec<Vec<u32>> = products.collect();
        assert_eq!(found(&case.recording), must, "{}", gpu.info.name);
        assert_eq!(must.iter().map(Vec::len).sum::<usize>() as u64, case.compared);
    }
}

#[test]
fn training_is_recorded_by_barriers_and_where_there_are_subgroups_by_shuffles() {
    for gpu in gpus() {
        let recorder = Recorder::open(gpu.info.index).expect("it has what every browser has");
        let case = |layout: &str| recorded(&recorder, &format!("kernel/train/additive/{layout}"));
        let has_subgroups = |case: &Case| case.recording.shaders.iter().any(|own| own.text.contains("subgroupShuffle"));
        let barrier = case("barrier").expect("it needs no subgroups");
        assert!(!has_subgroups(&barrier));
        let shuffle = case("shuffle");
        assert_eq!(shuffle.is_some(), gpu.subgroup().is_some(), "{}", gpu.info.name);
        if let Some(shuffle) = shuffle {
            assert!(has_subgroups(&shuffle) && shuffle.shuffles);
            assert_eq!(found(&shuffle.recording), found(&barrier.recording), "{}", gpu.info.name);
        }
    }
}

#[test]
fn a_page_holds_everything_and_loads_nothing() {
    let recorder = Recorder::open(gpus()[0].info.index).expect("it has what every browser has");
    let mut bundle = Bundle::new(&recorder.probe().expect("it answers"));
    let case = recorded(&recorder, "kernel/gemv/mxfp4").expect("it needs no subgroups");
    bundle.add(&case).expect("it is packed");
    let html = page::html(&mut bundle).expect("it is packed");
    for loads in ["{{", "src=", "href=\"", "http:", "https:/", "import ", "@import", "url("] {
        assert!(!html.contains(loads), "{loads}");
    }
    let unpacked = |text: &str| {
        let (packed, mut bytes) = (STANDARD.decode(text).expect("base64"), Vec::new());
        GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("gzip");
        bytes
    };
    let element = |id: &str| {
        let (_, text) = html.split_once(&format!("id=\"{id}\">")).expect("the page has it");
        unpacked(text.split_once('<').expect("it ends").0)
    };
    let document: Value = serde_json::from_slice(&element("bundle")).expect("JSON");
    let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    let words: Vec<u32> = element("words").as_chunks::<4>().0.iter().map(word).collect();
    let own = &document["cases"][0];
    assert_eq!(own["name"], "kernel/gemv/mxfp4");
    // The shader is the one that ran, put together from its parts.
    let number = own["steps"][0]["dispatch"].as_u64().expect("a number") as usize;
    let parts = document["shaders"][number]["text"].as_array().expect("a list");
    let text: String =
        parts.iter().map(|part| document["parts"][part.as_u64().unwrap() as usize].as_str().unwrap()).collect();
    assert_eq!(text, case.recording.shaders[0].text);
    let span =
        |at: &Value| at[0].as_u64().unwrap() as usize..(at[0].as_u64().unwrap() + at[1].as_u64().unwrap()) as usize;
    for (own, recorded) in own["buffers"].as_array().unwrap().iter().zip(&case.recording.buffers) {
        let fill = own["fill"].is_array().then(|| words[span(&own["fill"])].to_vec());
        assert_eq!((fill, own["words"].as_u64().unwrap()), (recorded.fill.clone(), recorded.words));
    }
    let answers = unpacked(own["answers"].as_str().expect("a text"));
    let answers: Vec<u32> = answers.as_chunks::<4>().0.iter().map(word).collect();
    assert_eq!(answers, found(&case.recording).concat());
}
