//! What `roundlaw bench` measures: loops end with the words of their scalar twins, copies are whole, and a timer changes no
//! bit of a launch.

use roundlaw::gpu::{Gpu, Tuning};
use roundlaw::plan::Shard;
use roundlaw::reference::peaks::{Loop, THREADS};
use roundlaw::watch::Watch;

use super::{gpus, plan};

/// The adapters under test, each opened for this test alone: a timer counts whatever a device does.
fn alone() -> Vec<Gpu> {
    gpus().iter().map(|gpu| Gpu::open(gpu.info.index).expect("the adapter opens")).collect()
}

#[test]
fn every_invocation_of_a_loop_ends_with_the_word_of_its_twin() {
    for gpu in &alone() {
        for of in [Loop::MultiplyAdd, Loop::Opaque, Loop::Integer, Loop::Workgroup] {
            for turns in [0, 1, 19] {
                let run = gpu.peak_loop(of, turns, 3);
                assert!(run.seconds().expect("it runs") > 0.0);
                for group in 0..3 {
                    let found = run.words_of_group(group).expect("it is read");
                    let must: Vec<u32> =
                        (THREADS * group..THREADS * (group + 1)).flat_map(|id| of.answer(id, turns)).collect();
                    assert_eq!(found, must, "{}: {of:?}, {turns} turns", gpu.info.name);
                }
            }
        }
    }
}

#[test]
fn copies_are_whole_and_every_dispatch_counts() {
    let from: Vec<u32> = (0..5000u32).map(|k| k.wrapping_mul(0x9e37_79b9)).collect();
    for gpu in &alone() {
        // Fewer invocations than elements.
        let run = gpu.peak_copy(&from, 2);
        run.seconds().expect("it runs");
        assert_eq!(run.words(0, from.len() as u64).expect("it is read"), from, "{}", gpu.info.name);
        let found = gpu.peak_dispatches(7).expect("they run");
        assert_eq!((found.counted, found.counters), (21, vec![21, 42, 63, 84]), "{}", gpu.info.name);
    }
}

#[test]
fn a_timer_sees_the_kernels_of_a_launch_and_changes_no_bit() {
    let text = "problem = { dim = 300, spectrum = { kind = \"power\", exponent = 1.0 } }\n\
                train = { model = [5, 40], samples = 66 }\nrecipe = [{ name = \"a\", feature = \"mxfp4\" }]\n\
                sweep = { seeds = 2 }";
    let plan = plan(text, 32);
    let (cohorts, watch) = (plan.cohorts(Shard::WHOLE), Watch::default());
    for gpu in &alone() {
        let execute = || gpu.execute_tuned(&plan, &cohorts, Tuning::default(), &watch);
        let must = execute().expect("it runs");
        let (found, seconds) = gpu.timed(execute).expect("it runs");
        assert_eq!(found, must, "{}", gpu.info.name);
        let names: Vec<_> = seconds.keys().copied().collect();
        assert_eq!(names, ["draw", "feature", "project", "sketch", "train", "turn"], "{}", gpu.info.name);
        assert!(seconds.values().all(|seconds| *seconds > 0.0 && *seconds < 60.0), "{seconds:?}");
        // Nobody asks any more.
        execute().expect("it runs");
    }
}
