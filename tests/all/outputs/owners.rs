//! Owner, group and permissions of files that are replaced.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use super::on_unix::mode;
use super::*;

/// The program as another user, who is in the group 1002 besides the own one; `None` where nobody may change users.
fn as_user(place: &Place, line: &str) -> Option<Output> {
    let program = place.path("roundlaw");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_roundlaw"), &program).unwrap();
        for name in ["", "in.npy", "roundlaw"] {
            fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
    let mut user = Command::new("setpriv");
    user.args(["--reuid", "1001", "--regid", "1001", "--groups", "1001,1002"]).arg("true");
    if !user.status().is_ok_and(|status| status.success()) {
        println!("not tested here: nobody may become another user");
        return None;
    }
    let mut user = Command::new("setpriv");
    user.args(["--reuid", "1001", "--regid", "1001", "--groups", "1001,1002"]).arg(program);
    Some(user.current_dir(place.0.path()).args(line.split_whitespace()).output().unwrap())
}

/// A user who may write a file of somebody else cannot give it back to its owner, but to the group, if it is theirs.
#[test]
fn a_file_keeps_its_group_or_its_group_loses_it() {
    let place = Place::new();
    for (group, mode_before, mode_after, group_after) in [
        (1002, 0o660, 0o660, 1002),
        (1002, 0o2664, 0o664, 1002),
        (1001, 0o660, 0o660, 1001),
        (1003, 0o666, 0o606, 1001),
        (1003, 0o6666, 0o606, 1001),
        (1003, 0o646, 0o604, 1001),
    ] {
        let (out, _) = (place.path("out.npy"), fs::remove_file(place.path("out.npy")));
        fs::write(&out, "old").unwrap();
        let is_given = chown(&out, Some(1000), Some(group)).is_ok();
        fs::set_permissions(&out, fs::Permissions::from_mode(mode_before)).unwrap();
        let output = as_user(&place, "quantize --format e4m3 in.npy out.npy").filter(|_| is_given);
        let Some(output) = output else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = fs::metadata(&out).unwrap();
        assert_eq!((found.gid(), mode(&out)), (group_after, mode_after), "{group}, {mode_before:o}: {:o}", mode(&out));
        place.holds("out.npy", "right.npy");
    }
}

/// The privileged keep owner and group.
#[test]
fn a_file_keeps_its_owner_where_it_can() {
    let place = Place::new();
    fs::write(place.path("out.npy"), "old").unwrap();
    if chown(place.path("out.npy"), Some(1000), Some(1003)).is_ok() {
        fs::set_permissions(place.path("out.npy"), fs::Permissions::from_mode(0o6664)).unwrap();
        place.ends("quantize --format e4m3 in.npy out.npy", 0, &[]);
        let found = fs::metadata(place.path("out.npy")).unwrap();
        assert_eq!((found.uid(), found.gid(), mode(&place.path("out.npy"))), (1000, 1003, 0o664));
    }
}
