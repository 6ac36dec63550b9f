//! Whatever is wrong with a directory, every command that reads it says the same of it.

use super::*;

/// What happened to the directory of a sweep.
struct Damage {
    what: &'static str,
    done: fn(&Path),
    /// The exit code of each command, and what its message names.
    code: i32,
    parts: &'static [&'static str],
}

fn remove(path: &Path) {
    match path.is_dir() {
        true => fs::remove_dir_all(path).unwrap(),
        false => fs::remove_file(path).unwrap(),
    }
}

/// Replaces a text in a file, which must be there.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

const DAMAGES: [Damage; 13] = [
    Damage { what: "nothing", done: |_| {}, code: 0, parts: &[] },
    Damage { what: "no directory", done: remove, code: 2, parts: &["out", "o such"] },
    Damage {
        what: "an empty directory",
        done: |dir| {
            remove(dir);
            fs::create_dir(dir).unwrap();
        },
        code: 7,
        parts: &["out: no sweep's directory", "name the one that a sweep wrote"],
    },
    Damage {
        what: "another directory",
        done: |dir| {
            remove(dir);
            fs::create_dir(dir).unwrap();
            fs::write(dir.join("thesis.tex"), "x").unwrap();
        },
        code: 7,
        parts: &["out: no sweep's directory", "name the one that a sweep wrote"],
    },
    Damage { what: "no manifest", done: |dir| remove(&dir.join("manifest.json")), code: 0, parts: &[] },
    Damage {
        what: "a manifest that is no JSON",
        done: |dir| fs::write(dir.join("manifest.json"), "{").unwrap(),
        code: 7,
        parts: &["manifest.json: ", "delete it: the same sweep writes it again"],
    },
    Damage {
        what: "somebody's manifest",
        done: |dir| fs::write(dir.join("manifest.json"), "{ \"name\": \"app\" }").unwrap(),
        code: 7,
        parts: &["manifest.json: foreign manifest", "use another output directory"],
    },
    Damage {
        what: "another schema version",
        done: |dir| edit(&dir.join("manifest.json"), "\"schema_version\": 3", "\"schema_version\": 99"),
        code: 7,
        parts: &["schema version 99"],
    },
    Damage {
        what: "no config",
        done: |dir| remove(&dir.join("config.toml")),
        code: 7,
        parts: &["config.toml: ", "the same sweep writes it again"],
    },
    Damage {
        what: "a config that is none",
        done: |dir| fs::write(dir.join("config.toml"), "[problem]\ndim = = 3").unwrap(),
        code: 7,
        parts: &["config.toml, line 2: ", "the same sweep writes it again"],
    },
    Damage {
        what: "another config",
        done: |dir| edit(&dir.join("config.toml"), "dim = [24]", "dim = [25]"),
        code: 7,
        parts: &["config.toml", "24", "25"],
    },
    Damage {
        what: "a part cut short",
        done: |dir| {
            let part = store::parts(dir).unwrap().remove(0);
            let bytes = fs::read(&part).unwrap();
            fs::write(part, &bytes[..bytes.len() / 2]).unwrap();
        },
        code: 7,
        parts: &["out/rows/part-", "delete it"],
    },
    Damage {
        what: "a file among the parts",
        done: |dir| fs::write(dir.join("rows/notes.txt"), "x").unwrap(),
        code: 7,
        parts: &["out/rows/notes.txt", "move it elsewhere"],
    },
];

#[test]
fn every_command_judges_a_directory_alike() {
    let whole = Place::new();
    whole.rows(TINY, "out", &["--set", "sweep.seeds=2"]);
    for Damage { what, done, code, parts } in &DAMAGES {
        let place = Place::new();
        for (path, bytes) in files(&whole.path("out")) {
            let path = place.path("out").join(path.strip_prefix(whole.path("out")).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let out = place.path("out");
        done(&out);
        let out = out.to_str().unwrap();
        for args in [&["status", out][..], &["report", out], &["replay", out, "--run", "0"]] {
            let output = run(args);
            match code {
                0 => assert_eq!(output.status.code(), Some(0), "{what}, {}: {}", args[0], stderr(&output)),
                code => {
                    println!("{what}, {}", args[0]);
                    refused(&output, *code, parts);
                }
            }
        }
    }
    let file = whole.path("out/manifest.json").display().to_string();
    for args in [&["status", &file][..], &["report", &file]] {
        refused(&run(args), 2, &["manifest.json: no directory", "name the directory that a sweep wrote"]);
    }
}

#[test]
fn a_file_in_place_of_a_directory_and_the_other_way_round_are_named() {
    let place = Place::new();
    place.rows(TINY, "out", &[]);
    fs::write(place.path("file"), "mine").unwrap();
    let path = |name: &str| place.path(name).display().to_string();
    let (out, file, below) = (path("out"), path("file"), path("file/x"));
    let (no_directory, stands) = ("file: no directory but a file", "a file stands where a directory is needed");
    let trace = path("none/trace.csv");
    for (words, parts) in [
        (&["merge", &file][..], &[no_directory][..]),
        (&["merge", &file, &out], &[no_directory]),
        (&["merge", &out, &file], &[no_directory]),
        (&["merge", &below, &out], &["no directory but a file"]),
        (&["status", &file], &[no_directory]),
        (&["check", &file], &[no_directory]),
        (&["report", &file], &[no_directory]),
        (&["fit", &file], &[no_directory]),
        (&["report", &out, "--out", &file], &["file/figures", stands]),
        (&["report", &out, "--out", &below], &["file/x/figures", stands]),
        (&["replay", &out, "--run", "0", "--export", &file], &["--export", "allowed is a directory"]),
        (&["replay", &out, "--run", "0", "--trace", &below], &["file/x", stands]),
        (&["replay", &out, "--run", "0", "--trace", &out], &["--trace", "out: a directory: name a file"]),
        (&["replay", &out, "--run", "0", "--trace", &trace], &["--trace", "there is no directory", "none"]),
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        let last = stderr(&output).lines().last().unwrap_or_default().to_owned();
        assert!(last.starts_with("roundlaw: "), "{words:?}: {last}");
        parts.iter().for_each(|part| assert!(last.contains(part), "{words:?}: {last:?} does not name {part:?}"));
    }
    assert_eq!(fs::read_to_string(place.path("file")).unwrap(), "mine");
}
