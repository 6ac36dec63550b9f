//! Processes in one directory at once.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::{LONGER, SMALL, digest, random, rounds};
use crate::place::{LIMIT, Place, failed, names, run, stderr};
use crate::shim;

fn shard(place: &Place, shard: &str) -> Command {
    let mut sweep = place.sweep();
    sweep.args(["--shard", shard]);
    sweep
}

/// Started, and slow, and holding its lock.
fn running(place: &Place, of: &str) -> Child {
    let mut sweep = shard(place, of);
    shim::fail(&mut sweep, &[format!("write 1+ SLEEP {}", place.out().display())]);
    let child = sweep.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while !names(&place.out()).iter().any(|name| name == "config.toml") {
        assert!(started.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn succeeded(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn shardings_that_overlap_are_refused_while_the_other_runs() {
    for (first, second) in [("0/1", "0/2"), ("0/2", "0/1"), ("1/2", "3/4"), ("0/3", "1/2"), ("0/1", "0/1")] {
        let place = Place::new(LONGER);
        let child = running(&place, first);
        let refused = run(shard(&place, second));
        failed(&refused, 2, &[&child.id().to_string(), "another output directory"]);
        succeeded(child);
        // When it has ended any other may follow.
        place.succeeds(&mut shard(&place, second));
        place.finishes();
    }
}

#[test]
fn shards_that_do_not_overlap_run_at_once() {
    let place = Place::new(LONGER);
    let children = ["0/2", "1/4", "3/4"].map(|of| running(&place, of));
    children.into_iter().for_each(succeeded);
    let status = place.status();
    assert_eq!((status.done, status.digest), (status.runs, digest(LONGER)));
    place.finishes();
}

/// All start at the same moment, or nearly; whoever is refused says so, and nothing is stored twice.
#[test]
fn many_starts_at_one_moment_store_every_run_once() {
    for _ in 0..rounds(5, 50) {
        let place = Place::new(SMALL);
        let children: Vec<Child> = ["0/1", "0/2", "1/2", "0/4", "0/1"]
            .iter()
            .map(|of| {
                std::thread::sleep(random(3_000));
                shard(&place, of).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let outputs: Vec<Output> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        assert!(outputs.iter().any(|output| output.status.code() == Some(0)));
        for output in outputs {
            assert!(matches!(output.status.code(), Some(0 | 2)), "{}: {}", output.status, stderr(&output));
        }
        place.finishes();
    }
}
