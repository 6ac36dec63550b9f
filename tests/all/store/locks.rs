//! Shards that share seeds do not run beside each other, whichever starts first.

use std::sync::Barrier;

use super::*;

fn open(dir: &Path, shard: &str) -> Result<Store, Error> {
    Store::open(dir, &settings(6), Shard::parse(shard).unwrap())
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
