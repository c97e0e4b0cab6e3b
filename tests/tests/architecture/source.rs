//! What the sources say, once comments and literals are blanked out.

use std::fs;
use std::path::Path;

/// One source file.
pub(crate) struct Source {
    /// Path from the repository's root, with `/`.
    pub(crate) path: String,
    /// Its code: comments, string and character literals replaced by blanks, line breaks kept.
    code: String,
    /// For each line, whether it belongs to a test.
    in_tests: Vec<bool>,
}

/// Which lines a rule is about.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Where {
    Everywhere,
    OutsideTests,
    InTests,
    /// Attributes only: `#[name…]`, also inside `cfg_attr`.
    Attributes,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let code = code_only(text);
        let whole = path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/");
        let in_tests = if whole { vec![true; code.lines().count()] } else { test_lines(&code) };
        Source { path: path.to_owned(), code, in_tests }
    }
}

/// Reads every `.rs` file of the members.
pub(crate) fn read_all(root: &Path, members: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        for entry in entries {
            let entry = entry.expect("a readable folder");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = format!("{folder}/{name}");
            if entry.file_type().expect("a file type").is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                sources.push(Source::new(&path, &fs::read_to_string(entry.path()).expect("a source in UTF-8")));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// `path:line: word` for every mention of one of `words` (a name or a `::` path, whole) that `at` covers.
pub(crate) fn mentions(sources: &[Source], words: &[&str], at: Where, exempt: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !exempt(&source.path)) {
        for (number, (line, in_tests)) in source.code.lines().zip(&source.in_tests).enumerate() {
            let covered = match at {
                Where::Everywhere => true,
                Where::Attributes => line.trim_start().starts_with("#[") || line.trim_start().starts_with("#!["),
                Where::OutsideTests => !in_tests,
                Where::InTests => *in_tests,
            };
            let said = words.iter().filter(|word| covered && has_word(line, word));
            found.extend(said.map(|word| format!("{}:{}: {word}", source.path, number + 1)));
        }
    }
    found
}

/// `path: lines` for every source with more than `lines_max` lines outside its tests.
pub(crate) fn longer_than(sources: &[Source], lines_max: usize) -> Vec<String> {
    let long = sources.iter().filter_map(|source| {
        let lines = source.in_tests.iter().filter(|in_tests| !**in_tests).count();
        (lines > lines_max).then(|| format!("{}:{lines_max}: has {lines} lines", source.path))
    });
    long.collect()
}

pub(crate) fn readme_faults(readme: &str, lines_max: usize) -> Vec<String> {
    let mut found = Vec::new();
    let lines = readme.lines().count();
    if lines >= lines_max {
        found.push(format!("README.md:{lines_max}: has {lines} lines; under {lines_max} are read"));
    }
    for command in ["make run", "make test"] {
        if !readme.contains(command) {
            found.push(format!("README.md:1: does not name `{command}`"));
        }
    }
    found
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether `line` has `word` with no further letter on either side.
fn has_word(line: &str, word: &str) -> bool {
    let bytes = line.as_bytes();
    line.match_indices(word).any(|(at, _)| {
        let before = at.checked_sub(1).is_some_and(|before| is_name(bytes[before]));
        let after = bytes.get(at + word.len()).is_some_and(|after| is_name(*after));
        !before && !after
    })
}

/// Marks the lines of items under `#[cfg(test)]`, from the attribute to the item's closing brace or semicolon.
fn test_lines(code: &str) -> Vec<bool> {
    let lines: Vec<&str> = code.lines().collect();
    let mut marks = vec![false; lines.len()];
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim_start();
        if !(line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test")) {
            at += 1;
            continue;
        }
        let (mut depth, mut opened) = (0i32, false);
        loop {
            marks[at] = true;
            let item = lines[at].trim_start().trim_start_matches("#[cfg(test)]");
            for byte in item.bytes() {
                depth += i32::from(byte == b'{') - i32::from(byte == b'}');
                opened |= byte == b'{';
            }
            let ended = if opened { depth <= 0 } else { item.trim_end().ends_with(';') };
            at += 1;
            if ended || at == lines.len() {
                break;
            }
        }
    }
    marks
}

/// The text with comments and the insides of literals blanked out, byte for byte, line for line.
pub(crate) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment_end(bytes, at),
            b'"' => string_end(bytes, at + 1),
            b'r' if !after_name(bytes, at) => raw_string_end(bytes, at).unwrap_or(at),
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8(out).expect("blanks and whole characters")
}

/// Whether the byte before `at` belongs to a name (`br"…"` counts as the start of a literal).
fn after_name(bytes: &[u8], at: usize) -> bool {
    match at.checked_sub(1).map(|before| bytes[before]) {
        Some(b'b' | b'c') => at.checked_sub(2).is_some_and(|before| is_name(bytes[before])),
        Some(byte) => is_name(byte),
        None => false,
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut at) = (0, at);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let closing: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[open + 1..].windows(closing.len()).position(|window| window == closing);
    Some(length.map_or(bytes.len(), |length| open + 1 + length + closing.len()))
}

/// End of a character literal; a lifetime has none and ends where it begins.
fn char_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at + 1) {
        Some(b'\\') => {
            let close = bytes[at + 3..].iter().position(|byte| *byte == b'\'');
            close.map_or(at, |length| at + 3 + length + 1)
        }
        // One character of up to four bytes, then the closing quote.
        Some(_) => (at + 2..=at + 5).find(|end| bytes.get(*end) == Some(&b'\'')).map_or(at, |end| {
            let inside = std::str::from_utf8(&bytes[at + 1..end]).unwrap_or_default();
            if inside.chars().count() == 1 { end + 1 } else { at }
        }),
        None => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str, words: &[&str], at: Where) -> Vec<String> {
        mentions(&[Source::new(path, text)], words, at, |_| false)
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let cases = [
            ("a // verify_batch\nb", "a                \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            ("f(\"fs::read \\\" \") + g", "f(              ) + g"),
            ("r#\"a \" b\"# c", "           c"),
            ("br\"x\" c", "b     c"),
            ("'a' + '\\'' + '\\u{1F600}' + 'é'", "    +      +             +     "),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("for_r\"\"", "for_r  "),
        ];
        for (text, expected) in cases {
            assert_eq!(code_only(text), expected, "{text}");
        }
    }

    #[test]
    fn a_mention_is_found_with_file_and_line() {
        let text = "fn f() {\n    let now = std::time::SystemTime::now();\n}\n";
        assert_eq!(
            found("ledger/src/a.rs", text, &["SystemTime"], Where::OutsideTests),
            ["ledger/src/a.rs:2: SystemTime"]
        );
        assert_eq!(
            found("ledger/src/a.rs", "// SystemTime\n", &["SystemTime"], Where::OutsideTests),
            Vec::<String>::new()
        );
        assert_eq!(found("a/src/a.rs", "use std::fs;\n", &["std::fs"], Where::OutsideTests).len(), 1);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("rand::random()", "rand"));
        assert!(!has_word("operand::x", "rand"));
        assert!(!has_word("rand_core::x", "rand"));
        assert!(has_word("let f = File::open(p);", "File"));
        assert!(!has_word("FileStore::open(p)", "File"));
    }

    #[test]
    fn test_modules_are_told_from_code() {
        let text = "use a;\n#[cfg(test)]\nmod tests {\n    fn f() { sleep(1) }\n}\nfn g() { sleep(2) }\n";
        assert_eq!(found("a/src/a.rs", text, &["sleep"], Where::InTests), ["a/src/a.rs:4: sleep"]);
        assert_eq!(found("a/src/a.rs", text, &["sleep"], Where::OutsideTests), ["a/src/a.rs:6: sleep"]);
        let split = "#[cfg(test)]\nmod tests;\nfn g() { sleep(2) }\n";
        assert_eq!(found("a/src/a.rs", split, &["sleep"], Where::OutsideTests), ["a/src/a.rs:3: sleep"]);
        assert_eq!(found("a/src/a/tests.rs", "fn f() { sleep(1) }", &["sleep"], Where::InTests).len(), 1);
        assert_eq!(found("a/tests/flow.rs", "fn f() { sleep(1) }", &["sleep"], Where::InTests).len(), 1);
    }

    #[test]
    fn an_ignored_test_is_found_but_not_a_method_of_that_name() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn f() { x.ignore(); }\n";
        assert_eq!(found("a/tests/a.rs", text, &["ignore"], Where::Attributes), ["a/tests/a.rs:2: ignore"]);
        assert_eq!(found("a/tests/a.rs", "#[cfg_attr(x, ignore)]", &["ignore"], Where::Attributes).len(), 1);
    }

    #[test]
    fn length_leaves_tests_out() {
        let code = "fn f() {}\n".repeat(5);
        let tests = "#[cfg(test)]\nmod tests {\n}\n".to_owned();
        let source = |text: &str| [Source::new("a/src/a.rs", text)];
        assert_eq!(longer_than(&source(&(code.clone() + &tests)), 5), Vec::<String>::new());
        assert_eq!(longer_than(&source(&code), 4), ["a/src/a.rs:4: has 5 lines"]);
        assert_eq!(longer_than(&[Source::new("a/tests/a.rs", &code)], 4), Vec::<String>::new());
    }

    #[test]
    fn a_long_or_silent_readme_is_found() {
        assert_eq!(readme_faults("make run\nmake test\n", 3), Vec::<String>::new());
        assert_eq!(readme_faults("make run\nmake test\n\n", 3).len(), 1);
        assert_eq!(readme_faults("make run\n", 3), ["README.md:1: does not name `make test`"]);
    }
}
