//! Shards that share seeds do not run beside each other, whichever starts first.

use std::fs::File;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use roundlaw::plan::Cohort;

use super::*;

fn open(dir: &Path, shard: &str) -> Result<Store, Error> {
    super::open(dir, &settings(6), Shard::parse(shard).unwrap())
}

#[test]
fn shards_that_share_seeds_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path(), "0/2").unwrap();
    for shard in ["0/1", "0/4", "2/4", "1/3", "0/3"] {
        let error = open(dir.path(), shard).unwrap_err();
        assert!(matches!(error, Error::Input(_)), "{error}");
        let pid = format!("pid {} on ", std::process::id());
        let asked = format!("shares seeds with shard {shard}");
        for part in [dir.path().to_str().unwrap(), &pid, "runs shard 0/2", &asked, "stop it", "other shards of 2"] {
            assert!(error.to_string().contains(part), "{error} does not name {part}");
        }
    }
    for shard in ["1/2", "1/4", "3/4", "5/6"] {
        drop(open(dir.path(), shard).unwrap());
    }
    // A sharding that has ended does not bind the next.
    drop(held);
    let whole = open(dir.path(), "0/1").unwrap();
    assert!(open(dir.path(), "5/6").is_err());
    drop(whole);
    open(dir.path(), "5/6").unwrap();
}

#[test]
fn of_two_that_start_at_the_same_moment_one_is_refused() {
    for _ in 0..50 {
        let dir = tempfile::tempdir().unwrap();
        let both = Barrier::new(2);
        let open = |shard| {
            both.wait();
            let opened = open(dir.path(), shard);
            // Held until the other has had its try.
            both.wait();
            opened
        };
        let opened = std::thread::scope(|scope| {
            let other = scope.spawn(|| open("0/1"));
            [open("1/2"), other.join().unwrap()]
        });
        let refused: Vec<&Error> = opened.iter().filter_map(|opened| opened.as_ref().err()).collect();
        assert!(refused.len() == 1 && refused[0].to_string().contains("shares seeds"), "{refused:?}");
    }
}

/// As a holder learns that was asleep while the part was written.
#[test]
fn a_part_of_a_lock_that_is_lost_gets_no_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("rows")).unwrap();
    let rows = [full(0)];
    let header = part_file::header(&part_file::sweep(CELLS, 1, STREAM_VERSION), 4, &rows);
    let files = || fs::read_dir(dir.path()).unwrap().count();
    let lost = || {
        assert_eq!(files(), 2, "the rows, and the part without its name");
        Err(Error::Other("taken over".into()))
    };
    let first = Cohort { point: 0, seed_index: 3 };
    let name = store::part::Name::Shard(ALONE);
    let error = store::part::write(dir.path(), name, first, &header, || [Ok(&rows)].into_iter(), lost).unwrap_err();
    assert_eq!(error.to_string(), "taken over");
    assert!(files() == 1 && store::parts(dir.path()).unwrap().is_empty());
}

#[test]
fn a_lock_held_for_moments_is_waited_for_until_a_stop_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), "0/1").unwrap());
    let lock = File::options().write(true).open(dir.path().join("lock-manifest")).unwrap();
    let watch = Watch::default();
    let begin = || Store::open(dir.path(), &settings(6), ALONE, &watch);
    lock.lock().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(begin);
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished());
        lock.unlock().unwrap();
        drop(waiting.join().unwrap().unwrap());
    });
    lock.lock().unwrap();
    watch.stop();
    let asked = Instant::now();
    let error = begin().unwrap_err();
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(matches!(error, Error::Incomplete(_)), "{error}");
    let pid = format!("held by pid {} on ", std::process::id());
    for part in ["stopped", "lock-manifest", &pid, "the same command continues"] {
        assert!(error.to_string().contains(part), "{error} does not name {part}");
    }
    // One that is free is had nevertheless: what is finished is to be kept.
    lock.unlock().unwrap();
    begin().unwrap().write_manifest().unwrap();
}
