use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::print;
use crate::cli::Quantize;
use crate::codec::{NAN, NO_CODE, Rounded, SATURATED, UNDERFLOWED};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer};
use crate::gpu::Gpu;
use crate::npy::{self, Element, Npy, Values};
use crate::reference::quantize::{Job, MAX_ELEMENTS, Quantized, operation, words};
use crate::run::adapter;

/// Rounds an array or the numbers on stdin, on the CPU or on a GPU whose bits are then compared with the CPU's.
pub fn run(args: &Quantize) -> Result<()> {
    let quantizer = args.options.quantizer()?;
    let outputs = [&args.output, &args.codes, &args.scales];
    if let Some(twice) = outputs.iter().enumerate().find(|(k, path)| path.is_some() && outputs[..*k].contains(path)) {
        let path = twice.1.as_ref().map_or(String::new(), |path| path.display().to_string());
        return Err(Error::Input(format!("{path} is to hold two outputs: OUT.npy, --codes and --scales must differ")));
    }
    let (shape, input) = match &args.input {
        Some(path) => array(path)?,
        None => numbers()?,
    };
    let columns = shape.last().copied().unwrap_or(1);
    let op = operation(&quantizer, args.options.has("tensor_scale"), &input);
    let words = match &args.random {
        Some(path) => given_words(path, &op, input.len())?,
        None => words(&op, args.seed, input.len(), columns),
    };
    let job = Job { op, input: &input, columns, words: &words };
    let done = job.run();
    let mut proved = None;
    if let Some(index) = adapter::find(&args.adapter)? {
        let gpu = Gpu::open(index)?;
        compare(&gpu.quantize(&job)?, &done, &input, &gpu.info.name)?;
        proved = Some((gpu.info.name.clone(), gpu.fingerprint().to_string()));
    }
    if let (Some(_), Some(output)) = (&args.input, &args.output) {
        write(args, output, &op, &shape, &done)?;
        summarize(args, &done, proved);
    } else {
        list(args, &quantizer, &op, &input, &done);
    }
    Ok(())
}

/// Shape and bits of an array of f32.
pub fn array(path: &Path) -> Result<(Vec<usize>, Vec<u32>)> {
    let npy = Npy::read_any(path, &[Element::F32])?;
    let (name, shape) = (npy.name.clone(), npy.shape.clone());
    let bits: Vec<u32> = npy.into_f32().into_iter().map(f32::to_bits).collect();
    if bits.len() > MAX_ELEMENTS {
        return Err(Error::Input(format!("{name} has {} elements: allowed are 2^28; split it", bits.len())));
    }
    Ok((shape, bits))
}

/// The numbers on stdin, one vector.
fn numbers() -> Result<(Vec<usize>, Vec<u32>)> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Error::Input(format!("stdin can't be read: {error}")))?;
    let number = |word: &str| {
        let bits = match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            // A decimal beyond f32 would be taken for an infinity.
            None => word
                .parse::<f32>()
                .ok()
                .filter(|x| x.is_finite() || !word.contains(|c: char| c.is_ascii_digit()))
                .map(f32::to_bits),
        };
        let wrong = || {
            format!(
                "stdin: {word:?}: allowed are numbers that f32 holds, as 1.5, 1e-3, inf and nan, or bits, as 0x3fc00000"
            )
        };
        bits.ok_or_else(|| Error::Input(wrong()))
    };
    let separators = |c: char| c.is_whitespace() || c == ',';
    let bits: Vec<u32> = text.split(separators).filter(|word| !word.is_empty()).map(number).collect::<Result<_>>()?;
    if bits.is_empty() {
        return Err(Error::Input("stdin holds no number: allowed are numbers, or name IN.npy and OUT.npy".into()));
    }
    Ok((vec![bits.len()], bits))
}

fn given_words(path: &Path, op: &QuantOp, elements: usize) -> Result<Vec<u32>> {
    let npy = Npy::read_any(path, &[Element::U32])?;
    let Values::U32(words) = npy.values else { return Err(Error::Input(format!("{}: allowed is uint32", npy.name))) };
    if !op.draws() {
        return Err(Error::Input("--random: allowed with --rounding stochastic or dither".into()));
    }
    if words.len() != elements {
        let found = words.len();
        return Err(Error::Input(format!(
            "--random {} has {found} words: allowed are {elements}, one per element",
            npy.name
        )));
    }
    Ok(words)
}

/// Every bit of the device against the CPU's.
fn compare(device: &Quantized, cpu: &Quantized, input: &[u32], name: &str) -> Result<()> {
    if device == cpu {
        return Ok(());
    }
    let first = (0..input.len()).find(|&k| device.elements[k] != cpu.elements[k]);
    let place = match first {
        Some(k) => {
            let text = |r: &Rounded| format!("value 0x{:08x}, code 0x{:x}, flags {}", r.bits, r.code, r.flags);
            let (found, must) = (text(&device.elements[k]), text(&cpu.elements[k]));
            format!("element {k}, input 0x{:08x}: {found}; the CPU has {must}", input[k])
        }
        None => "a block's scale".to_string(),
    };
    Err(Error::Mismatch(format!("{name} differs from the CPU first at {place}; `roundlaw verify` finds out why")))
}

fn write(args: &Quantize, output: &Path, op: &QuantOp, shape: &[usize], done: &Quantized) -> Result<()> {
    let values: Vec<u8> = done.elements.iter().flat_map(|element| element.bits.to_le_bytes()).collect();
    // Refused before anything is written.
    if args.scales.is_some() && !op.shares() {
        return Err(Error::Input("--scales: allowed with formats whose blocks share a scale".into()));
    }
    if let Some(path) = &args.codes {
        if let Some(k) = done.elements.iter().position(|element| element.code == NO_CODE) {
            let hint =
                "allowed are values the format has a code for; --nan satfinite and --overflow saturate make them";
            return Err(Error::Input(format!("--codes: element {k} has no code in this format: {hint}")));
        }
        let (element, bytes) = match op.width {
            ..=8 => (Element::U8, 1),
            9..=16 => (Element::U16, 2),
            _ => (Element::U32, 4),
        };
        let codes = done.elements.iter().flat_map(|element| element.code.to_le_bytes().into_iter().take(bytes));
        npy::write(path, element, shape, &codes.collect::<Vec<u8>>())?;
    }
    if let Some(path) = &args.scales {
        let columns = shape.last().copied().unwrap_or(1);
        let blocks = columns.div_ceil((op.block as usize).min(columns));
        let mut shape = shape.to_vec();
        shape.pop();
        shape.push(blocks);
        npy::write(path, Element::U8, &shape, &done.scales.iter().map(|scale| *scale as u8).collect::<Vec<u8>>())?;
    }
    npy::write(output, Element::F32, shape, &values)
}

fn summarize(args: &Quantize, done: &Quantized, proved: Option<(String, String)>) {
    let count = |flag: u32| done.elements.iter().filter(|element| element.flags & flag != 0).count();
    let (elements, saturated) = (done.elements.len(), count(SATURATED));
    let (underflowed, nan) = (count(UNDERFLOWED), count(NAN));
    if args.json {
        let (adapter, fingerprint) = proved.unzip();
        print(
            &json!({
                "elements": elements, "saturated": saturated, "underflowed": underflowed, "nan": nan,
                "adapter": adapter.unwrap_or("cpu".into()), "fingerprint": fingerprint,
            })
            .to_string(),
        );
    } else {
        print(&format!("{elements} elements: {saturated} saturated, {underflowed} underflowed to 0, {nan} not finite"));
        if let Some((adapter, fingerprint)) = proved {
            print(&format!("every bit the same on {adapter}: {fingerprint}"));
        }
    }
}

/// A line per number: the value, its code field by field, the error.
fn list(args: &Quantize, quantizer: &Quantizer, op: &QuantOp, input: &[u32], done: &Quantized) {
    let rows = input.iter().zip(&done.elements).enumerate().map(|(k, (bits, element))| {
        let (x, value) = (f32::from_bits(*bits), f32::from_bits(element.bits));
        let code = (element.code != NO_CODE)
            .then(|| format!("0x{:0width$x}", element.code, width = op.width.div_ceil(4) as usize));
        let mut row = json!({
            "input": format!("{x:?}"),
            "input_bits": format!("0x{bits:08x}"),
            "value": format!("{value:?}"),
            "value_bits": format!("0x{:08x}", element.bits),
            "code": code,
            "fields": quantizer.layout.fields(element.code),
            "error": error(x, value),
            "note": note(element.flags),
        });
        if op.shares() {
            let scale = done.scales[k / (op.block as usize).min(input.len())];
            row["scale"] = json!(format!("0x{scale:02x}"));
        }
        row
    });
    let rows: Vec<Value> = rows.collect();
    if args.json {
        return print(&json!(rows).to_string());
    }
    let mut columns = vec!["input", "input_bits", "value", "value_bits", "code", "fields", "error", "note"];
    if op.shares() {
        columns.insert(4, "scale");
    }
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or("-").to_string();
    let width = |column: &&str| rows.iter().map(|row| text(row, column).len()).max().unwrap_or(0).max(column.len());
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let line = |cells: Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    print(&line(columns.iter().map(|column| column.to_string()).collect()));
    rows.iter().for_each(|row| print(&line(columns.iter().map(|column| text(row, column)).collect())));
}

/// value - input, exact where f64 holds it.
fn error(x: f32, value: f32) -> String {
    let error = f64::from(value) - f64::from(x);
    if error.is_nan() { "-".into() } else { format!("{error:?}") }
}

fn note(flags: u32) -> String {
    let names = [(SATURATED, "saturated"), (UNDERFLOWED, "underflowed"), (NAN, "not finite")];
    names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}
