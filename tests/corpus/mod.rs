//! Hostile input: the files of a corpus as they are, then thousands of bent ones, against something that must withstand it.
//! Must not know what is tested.
//!
//! A failure prints the shortest input that was found to cause it: put those bytes into a file of the corpus, where they
//! are tried first from then on.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestError, TestRunner};

/// Pieces that parsers stumble over.
const PIECES: &[&[u8]] = &[
    b"",
    b"\0",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xC3",
    b"\xF0\x9F\x98",
    b"\"",
    b"\\",
    b"\\ud83d",
    b"\\u0000",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"9223372036854775808",
    b"0.1",
    b": ",
    b",",
    b"data: ",
    b"event: ",
    b"id: ",
    b"retry: ",
    b"../",
    b"%00",
    b"_",
    b"@",
    b"#",
    b"http://",
    b"[::1]",
    b"\xE2\x80\xA8",
    b"\t",
    b" ",
];

/// Tries every file in `tests/corpus/<target>/`, then `cases` inputs made of them and of nothing at all.
pub fn withstands(target: &str, cases: u32, check: impl Fn(&[u8])) {
    let seeds = seeds(target);
    for (name, seed) in &seeds {
        eprintln!("corpus: {target}/{name}");
        check(seed);
    }
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|(_, seed)| seed).collect();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&bent(seeds), |input| {
        check(&input);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, input)) => panic!("{target}: {why}\n  input: b\"{}\"", input.escape_ascii()),
        Err(error) => panic!("{target}: {error}"),
    }
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("the file can be read"))
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
    seeds
}

fn bent(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![select(PIECES).prop_map(<[u8]>::to_vec), vec(any::<u8>(), 0..6)];
    let changes = vec((any::<Index>(), 0..12_usize, piece.clone()), 1..6);
    let spliced = (select(seeds.clone()), any::<Index>(), select(seeds.clone()), any::<Index>());
    prop_oneof![
        1 => vec(any::<u8>(), 0..400),
        1 => vec(piece, 0..40).prop_map(|pieces| pieces.concat()),
        4 => (select(seeds), changes).prop_map(|(seed, changes)| changes.into_iter().fold(seed, change)),
        2 => spliced.prop_map(|(head, at, tail, from)| {
            [&head[..at.index(head.len() + 1)], &tail[from.index(tail.len() + 1)..]].concat()
        }),
    ]
}

/// Puts a piece in the place of some bytes.
fn change(mut text: Vec<u8>, (at, length, piece): (Index, usize, Vec<u8>)) -> Vec<u8> {
    let at = at.index(text.len() + 1);
    let end = text.len().min(at + length);
    text.splice(at..end, piece);
    text
}
