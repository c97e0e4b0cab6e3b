//! Bytes that others define: tiles, notes, checkpoints.
#![allow(clippy::unwrap_used)]

use ostrakon_ledger::checkpoint::Checkpoint;
use ostrakon_ledger::note::{NOTE_BYTES_MAX, Note, NoteKey};
use ostrakon_ledger::tile::{TilePath, width_at};
use ostrakon_ledger::{PeerName, SecretKey};

#[test]
fn tiles_are_as_wide_as_the_specification_says() {
    assert_eq!([width_at(0, 272, 70_000), width_at(0, 273, 70_000), width_at(0, 274, 70_000)], [256, 112, 0]);
    assert_eq!([width_at(1, 0, 70_000), width_at(1, 1, 70_000), width_at(2, 0, 70_000)], [256, 17, 1]);
    assert_eq!([width_at(3, 0, 70_000), width_at(63, 0, u64::MAX), width_at(0, u64::MAX, u64::MAX)], [0, 0, 0]);
    assert_eq!([width_at(0, 0, 256), width_at(1, 0, 256), width_at(1, 0, 255)], [256, 1, 0]);
}

#[test]
fn tile_paths_have_one_spelling() {
    for path in [
        "tile/0/000",
        "tile/0/067.p/1",
        "tile/3/x001/x234/067",
        "tile/63/x001/000.p/255",
        "tile/entries/273",
        "tile/entries/x018/x446/x744/x073/x709/x551/615.p/7",
    ] {
        assert_eq!(path.parse::<TilePath>().unwrap().to_string(), path);
    }
    let parsed: TilePath = "tile/0/x001/x234/067.p/112".parse().unwrap();
    assert_eq!(parsed, TilePath::Hashes { level: 0, n: 1_234_067, width: 112 });
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/0001",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p/+1",
        "tile/0/+01",
        "tile/entries/1",
        "tile/data/001",
        "/tile/0/001",
        "tile/0/001/",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/٠٠١",
    ] {
        assert!(path.parse::<TilePath>().is_err(), "{path}");
    }
}

const GOLDEN_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const GOLDEN_NOTE: &str = "This is an example message.\n\n— example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

#[test]
fn the_golden_note_opens() {
    let key: NoteKey = GOLDEN_VKEY.parse().unwrap();
    assert_eq!(key.to_string(), GOLDEN_VKEY);
    assert_eq!(key.name(), "example.com/foo");
    let note = Note::open(GOLDEN_NOTE, &[key]).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), GOLDEN_NOTE);
}

#[test]
fn notes_that_are_not_signed_as_they_should_be_do_not_open() {
    let key: NoteKey = GOLDEN_VKEY.parse().unwrap();
    let open = |note: &str| Note::open(note, std::slice::from_ref(&key));
    let line = GOLDEN_NOTE.split("\n\n").nth(1).unwrap();
    assert!(open(&GOLDEN_NOTE.replace("example message", "Example message")).is_err());
    assert!(open("This is an example message.\n\n— other.org/x AAAAAAAA\n").is_err(), "no known signature");
    assert!(open(&format!("{GOLDEN_NOTE}— other.org/x AAAAAAAA\n")).is_ok(), "an unknown one more is ignored");
    let spoiled = line.replace("yaQM=", "yaQQ=");
    assert!(open(&format!("{GOLDEN_NOTE}{spoiled}")).is_err(), "a known key's bad line spoils the note");
    for note in [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\n— a\n",
        "text\n\n— a !!!!\n",
        "text\n\n- a AAAAAAAA\n",
        "text\n\n— a+b AAAAAAAA\n",
        "te\u{1}xt\n\n— a AAAAAAAA\n",
        "text\n\n— a AAAAAAAA",
    ] {
        assert!(Note::parse(note).is_err(), "{note:?}");
    }
    assert!(Note::parse(&format!("{}\n\n— a AAAAAAAA\n", "x".repeat(NOTE_BYTES_MAX))).is_err());
    assert!(Note::parse(&format!("text\n\n{}", "— a AAAAAAAA\n".repeat(65))).is_err());
    assert_eq!(Note::parse(&format!("text\n\n{}", "— a AAAAAAAA\n".repeat(16))).unwrap().signatures().len(), 16);
}

#[test]
fn a_note_may_hold_blank_lines_and_its_own_signature_opens() {
    let key = SecretKey::from_seed([7; 32]);
    let verifier = NoteKey::new("a.example/ostrakon", key.public()).unwrap();
    let note = Note::sign("one\n\nthree\n", "a.example/ostrakon", &key).unwrap().to_string();
    assert_eq!(Note::open(&note, &[verifier]).unwrap().text(), "one\n\nthree\n");
    assert!(Note::sign("no newline", "a", &key).is_err());
    assert!(Note::sign("text\n", "a b", &key).is_err());
}

#[test]
fn verifier_keys_are_checked_against_their_ids() {
    for vkey in [
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hA",
        "example.com/foo",
        "",
    ] {
        assert!(vkey.parse::<NoteKey>().is_err(), "{vkey}");
    }
}

#[test]
fn checkpoints_have_three_lines_and_one_spelling() {
    let text = "a.example/ostrakon\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let checkpoint: Checkpoint = text.parse().unwrap();
    assert_eq!((checkpoint.tree_size, checkpoint.to_string().as_str()), (20_852_163, text));
    for text in [
        "a\n020\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n+20\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n20\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "a\n20\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n",
        "\n20\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n20\nCsUYapGGPo4=\n",
        "a\n20\n",
    ] {
        assert!(text.parse::<Checkpoint>().is_err(), "{text:?}");
    }
}

#[test]
fn names_have_one_spelling_and_people_may_type_others() {
    for name in ["a", "a.example", "xn--bcher-kva.example", "1.2.3.4", "r3---sn.example", &"a.".repeat(126)] {
        let name = name.trim_end_matches('.');
        assert_eq!(PeerName::parse(name).unwrap().as_str(), name);
        assert_eq!(PeerName::normalise(name).unwrap().as_str(), name);
    }
    let long = "a".repeat(64);
    for name in [
        "",
        ".",
        "A.example",
        "a.example.",
        "a..example",
        "-a.example",
        "a-.example",
        "a_b.example",
        "bücher.example",
        "xn--a.example",
        "xn--BCHER-kva.example",
        "a b",
        "a/b",
        "a:b",
        &long,
        &"a.".repeat(127),
        "a\n",
    ] {
        assert!(PeerName::parse(name).is_err(), "{name}");
    }
    assert_eq!(PeerName::normalise("Bücher.Example.").unwrap().as_str(), "xn--bcher-kva.example");
    assert_eq!(PeerName::normalise(" A.EXAMPLE ").unwrap().as_str(), "a.example");
    assert!(PeerName::normalise("a b").is_err());
    assert!(PeerName::normalise(&"a".repeat(5000)).is_err());
}
