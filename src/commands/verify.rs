use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::print;
use super::quantize::array;
use crate::cli::Verify;
use crate::codec::{NO_CODE, Rounded};
use crate::error::{Error, Result};
use crate::gpu::{self, Gpu};
use crate::run::adapter;
use crate::verify::{Case, Device, Level, Verdict, cases, foreign, gemv, run as run_case};

/// Runs the cases on the adapters asked for, or checks somebody else's codec or product.
pub fn run(args: &Verify) -> Result<()> {
    match (&args.codec, args.gemv.as_slice()) {
        (Some(path), _) => check_codec(args, path),
        (None, [z, v, out]) => check_gemv(args, z, v, out),
        _ if args.options.any() => Err(Error::Input(
            "--format and its options: allowed with --codec or --gemv; cases have names, see --list".into(),
        )),
        _ => verify(args),
    }
}

fn verify(args: &Verify) -> Result<()> {
    let mut cases = cases(args.level);
    if let Some(filter) = &args.filter {
        let all = cases.len();
        // A whole name is that case alone.
        let whole = cases.iter().any(|(name, _)| name == filter);
        cases.retain(|(name, _)| if whole { name == filter } else { name.contains(filter.as_str()) });
        if cases.is_empty() {
            return Err(Error::Input(format!(
                "--filter {filter}: none of the {all} cases has it in its name; allowed is a part of one, as \
                 codec/e4m3, block/mxfp4/floor, kernel/train (`--list` shows all)"
            )));
        }
    }
    if args.list {
        let names: Vec<&str> = cases.iter().map(|(name, _)| name.as_str()).collect();
        print(&if args.json { json!(names).to_string() } else { names.join("\n") });
        return Ok(());
    }
    let adapters = match args.adapter.as_str() {
        "all" => std::iter::once(None).chain(gpu::adapters().into_iter().map(|info| Some(info.index))).collect(),
        choice => vec![adapter::find(choice)?],
    };
    let documents: Vec<Value> = adapters.iter().map(|index| on_adapter(args, &cases, *index)).collect::<Result<_>>()?;
    if args.json {
        print(&json!(documents).to_string());
    }
    let failed: u64 = documents.iter().filter_map(|document| document["failed"].as_u64()).sum();
    match failed {
        0 => Ok(()),
        _ => Err(Error::Mismatch(format!("{failed} cases failed"))),
    }
}

/// All cases on one adapter, told as they end.
fn on_adapter(args: &Verify, cases: &[(String, Case)], index: Option<usize>) -> Result<Value> {
    let (name, gpu) = match index {
        None => ("cpu".to_string(), Ok(None)),
        Some(index) => {
            let gpu = match Gpu::open(index) {
                Err(error) if args.adapter != "all" => return Err(error),
                gpu => gpu,
            };
            let name = gpu
                .as_ref()
                .map_or(format!("adapter {index}"), |gpu| format!("{} ({})", gpu.info.name, gpu.info.backend));
            (name, gpu.map(Some))
        }
    };
    let device = gpu.as_ref().map(|gpu| gpu.as_ref().map_or(Device::Cpu, Device::Gpu));
    let fingerprint = match device {
        Ok(Device::Gpu(gpu)) => gpu.fingerprint().to_string(),
        _ => adapter::Adapter::Cpu { fault: None }.origin().fingerprint,
    };
    let choice = index.map_or("cpu".to_string(), |index| index.to_string());
    let (start, mut totals, mut documents) = (Instant::now(), [0u64; 3], Vec::new());
    for (done, (case, what)) in cases.iter().enumerate() {
        let begun = Instant::now();
        let verdict = match device {
            // One case that cannot run leaves the others to be told.
            Ok(device) => {
                run_case(what, &device, args.level).unwrap_or_else(|error| Verdict::Fail(vec![error.to_string()]))
            }
            Err(reason) => Verdict::Unsupported(reason.to_string()),
        };
        let kind = ["pass", "fail", "unsupported"].iter().position(|kind| *kind == verdict.name()).unwrap_or(1);
        totals[kind] += 1;
        let seconds = begun.elapsed().as_secs_f64();
        let replay = format!(
            "roundlaw verify --adapter {choice}{} --filter {case}",
            if args.level == Level::Full { " --level full" } else { "" }
        );
        let (compared, detail) = match &verdict {
            Verdict::Pass(count) => (*count, Vec::new()),
            Verdict::Fail(lines) => (0, lines.iter().cloned().chain([format!("again: {replay}")]).collect()),
            Verdict::Unsupported(reason) => (0, vec![reason.clone()]),
        };
        if !args.json && (kind != 0 || args.verbose || args.level == Level::Full) {
            print(&format!(
                "{} {case}: {}{}",
                name,
                verdict.name(),
                detail.iter().map(|line| format!("\n    {line}")).collect::<String>()
            ));
        }
        if std::io::stderr().is_terminal() {
            let left = start.elapsed().as_secs_f64() / (done + 1) as f64 * (cases.len() - done - 1) as f64;
            eprint!("\r{name}: {} of {} cases, {left:.0} s left \x1b[K", done + 1, cases.len());
        }
        documents.push(json!({ "name": case, "verdict": verdict.name(), "compared": compared, "seconds": seconds, "detail": detail }));
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    let [passed, failed, unsupported] = totals;
    if !args.json {
        let seconds = start.elapsed().as_secs_f64();
        print(&format!(
            "{name}: {passed} passed, {failed} failed, {unsupported} unsupported in {seconds:.1} s; {fingerprint}"
        ));
    }
    Ok(json!({
        "adapter": name, "fingerprint": fingerprint, "level": if args.level == Level::Full { "full" } else { "quick" },
        "passed": passed, "failed": failed, "unsupported": unsupported, "cases": documents,
    }))
}

/// Somebody else's codec: a CSV of f32 bits and codes.
fn check_codec(args: &Verify, path: &Path) -> Result<()> {
    let quantizer = args.options.quantizer()?;
    if quantizer.sharing.is_some() || quantizer.rounding.direction.is_random() {
        return Err(Error::Input(
            "--codec: allowed are formats of single values and roundings without random bits".into(),
        ));
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| Error::Input(format!("--codec {}: {error}", path.display())))?;
    let rows =
        foreign::rows(&text, &quantizer).map_err(|error| Error::Input(format!("--codec {}{error}", path.display())))?;
    let report = foreign::check(&quantizer, &rows);
    let ours_text = |code: u32| if code == NO_CODE { "no code".to_string() } else { format!("0x{code:x}") };
    let line = |(row, input, theirs, ours): &(usize, u32, u32, Rounded)| {
        json!({
            "row": row, "input": format!("{:?}", f32::from_bits(*input)), "input_bits": format!("0x{input:08x}"),
            "code": format!("0x{theirs:x}"), "fields": quantizer.layout.fields(*theirs),
            "must_be": (ours.code != NO_CODE).then(|| ours_text(ours.code)), "must_be_fields": quantizer.layout.fields(ours.code),
        })
    };
    if args.json {
        let causes = report
            .causes
            .iter()
            .map(|cause| json!({ "cause": cause.name, "explains": cause.explains, "contradicts": cause.contradicts }));
        print(
            &json!({
                "rows": report.rows, "different": report.different, "other_nans": report.other_nans,
                "first": report.first.iter().map(line).collect::<Vec<_>>(), "causes": causes.collect::<Vec<_>>(),
            })
            .to_string(),
        );
    } else {
        let nans = match report.other_nans {
            0 => String::new(),
            count => format!(", {count} have another of the format's NaN codes"),
        };
        print(&format!("{} rows, {} differ{nans}", report.rows, report.different));
        for (row, input, theirs, ours) in &report.first {
            let (x, fields) = (f32::from_bits(*input), |code| quantizer.layout.fields(code));
            print(&format!(
                "row {row}: input {x:?} 0x{input:08x}: code 0x{theirs:x} ({}), must be {} ({})",
                fields(*theirs),
                ours_text(ours.code),
                fields(ours.code)
            ));
        }
        for cause in &report.causes {
            let also = if cause.contradicts == 0 {
                "and no row speaks against it".to_string()
            } else {
                format!("{} rows speak against it", cause.contradicts)
            };
            print(&format!(
                "likely cause: {}: explains {} of {}, {also}",
                cause.name, cause.explains, report.different
            ));
        }
    }
    match report.different {
        0 => Ok(()),
        count => Err(Error::Mismatch(format!("{}: {count} of {} codes differ", path.display(), report.rows))),
    }
}

/// Somebody else's product of Z and v in a format.
fn check_gemv(args: &Verify, z: &Path, v: &Path, out: &Path) -> Result<()> {
    let quantizer = args.options.has("format").then(|| args.options.quantizer()).transpose()?;
    let ((shape, z_bits), (v_shape, v_bits), (out_shape, out_bits)) = (array(z)?, array(v)?, array(out)?);
    let (rows, columns) = match shape[..] {
        [rows, columns] => (rows, columns),
        _ => return Err(Error::Input(format!("--gemv {}: shape {shape:?}: allowed are (rows, columns)", z.display()))),
    };
    if v_shape != [columns] || out_shape != [rows] {
        return Err(Error::Input(format!(
            "--gemv: shapes {shape:?}, {v_shape:?}, {out_shape:?}: allowed are (rows, columns), (columns) and (rows)"
        )));
    }
    if quantizer.is_some_and(|quantizer| quantizer.rounding.direction.is_random()) {
        return Err(Error::Input("--gemv: allowed are roundings without random bits".into()));
    }
    if columns > gemv::MAX_COLUMNS {
        return Err(Error::Input(format!(
            "--gemv: {columns} columns: allowed are up to 2^20, so that the bound of f32 sums means something"
        )));
    }
    let given = args.options.has("tensor_scale");
    let z = gemv::rounded(quantizer.as_ref(), given, &z_bits, columns);
    let v = gemv::rounded(quantizer.as_ref(), given, &v_bits, columns);
    let out: Vec<f32> = out_bits.iter().map(|bits| f32::from_bits(*bits)).collect();
    let report = gemv::check(&z, columns, &v, &out);
    if args.json {
        let wrong = report
            .wrong
            .iter()
            .map(|(row, value, exact, bound)| json!({ "row": row, "value": value, "exact": exact, "bound": bound }));
        print(&json!({ "rows": report.rows, "same_bits": report.same, "worst": report.worst, "wrong": wrong.collect::<Vec<_>>() }).to_string());
    } else {
        print(&format!(
            "{} rows: {} with our bits, {} beyond what the order of f32 sums explains; largest error {:.3} of that bound",
            report.rows,
            report.same,
            report.wrong.len(),
            report.worst
        ));
        for (row, value, exact, bound) in report.wrong.iter().take(10) {
            print(&format!(
                "row {row}: {value:?}, exact {exact:?}, off by {:e}, bound {bound:e}",
                f64::from(*value) - exact
            ));
        }
    }
    match report.wrong.len() {
        0 => Ok(()),
        count => Err(Error::Mismatch(format!("--gemv: {count} of {} rows are wrong", report.rows))),
    }
}
