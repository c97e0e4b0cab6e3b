use cel::{Context, ExecutionError, Value};
use proptest::prelude::*;

use super::{Condition, ConditionError};
use crate::facts::{FACTS, FactType, Facts, TextForm, Variables};

fn refusal(source: &str) -> ConditionError {
    match Condition::parse(source) {
        Ok(condition) => panic!("{source} was taken: {condition:?}"),
        Err(problem) => problem,
    }
}

#[test]
fn what_does_not_fit_is_named() {
    for (source, expected) in [
        ("scroe < 3", "unknown variable `scroe`; did you mean `score`?"),
        ("weather == 'fine'", "unknown variable `weather`; docs/policies.md lists the facts"),
        ("score", "the condition is of type int, not bool; compare it with something"),
        ("'a'", "the condition is of type string, not bool; compare it with something"),
        ("peer < 3", "`<` cannot take string and int"),
        ("score == peer", "`==` cannot take int and string"),
        ("known_contact && links", "`&&` takes bools, not bool and int"),
        ("!links", "`!` takes bools, not int"),
        ("-known_contact == 1", "`-` cannot take bool"),
        ("links + peer > 2", "`+` cannot take int and string"),
        ("known_contact ? links : peer", "`?:` takes a bool and two values of one type, not bool, int, string"),
        ("links in [1, 'a']", "a list of int and string; all elements must have one type"),
        ("peer in [1, 2]", "`in` takes a value and a list of its type, not string and list of int"),
        ("peer in sender", "`in` takes a value and a list of its type, not string and string"),
        ("links in [[1]]", "a list within a list is not used here"),
        ("score > 0.5", "fractions are not used here: facts are whole numbers, scores and confidences in thousandths"),
        ("score > 5u", "only whole numbers, strings, true and false can be written here"),
        ("peer == null", "only whole numbers, strings, true and false can be written here"),
        ("peer.name == 'a'", "facts have no fields, so `.name` means nothing"),
        ("peer[0] == 'a'", "facts have no elements, so `[…]` after a value means nothing"),
        ("{'a': 1} == 3", "maps, structures and optional values are not used in conditions"),
        ("peer.startWith('a')", "unknown function `startWith`; did you mean `startsWith`?"),
        (
            "startsWith(peer, 'a')",
            "startsWith() is called on a string with one string: sender_domain.startsWith(\"example\")",
        ),
        (
            "peer.startsWith(3)",
            "startsWith() is called on a string with one string: sender_domain.startsWith(\"example\")",
        ),
        ("size(score) > 1", "size() takes one string or list, not (int)"),
        (
            "now() > 3",
            "unknown function `now`; there are size(text), text.startsWith(text), text.endsWith(text) and text.contains(text)",
        ),
        (
            "[1, 2].exists(x, x > links)",
            "facts are single values, so has(), all(), exists(), map() and filter() have nothing to work on",
        ),
    ] {
        let problem = refusal(source);
        assert_eq!((problem.message.as_str(), problem.syntax), (expected, false), "{source}");
    }
    let matches = refusal("peer.matches('^a')");
    assert!(matches.message.starts_with("matches() is not offered"), "{}", matches.message);
}

#[test]
fn what_is_not_cel_is_named() {
    for source in ["", "score <", "score < < 3", "(score > 3", "score > 3)", "\"", "@", "score = 3"] {
        let problem = refusal(source);
        assert!(problem.syntax && problem.message.starts_with("not a CEL condition: "), "{source}: {problem:?}");
    }
    assert!(refusal(&format!("{}true", " ".repeat(5_000))).syntax, "too long");
    assert!(refusal(&format!("{}true{}", "(".repeat(2_000), ")".repeat(2_000))).syntax, "too deep");
}

#[test]
fn what_is_too_deep_is_refused_and_what_is_just_long_is_not() {
    let chain = |joint: &str, count: usize| vec!["1"; count].join(joint);
    for source in [
        format!("{} < score", chain("+", 65)),
        format!("{} < score", chain("+", 2_040)),
        format!("{} < score", chain(" - ", 1_000)),
        format!("{}true", "true ? true : ".repeat(65)),
        format!("{}true", "true?true:".repeat(400)),
        format!("{}true{}", "(".repeat(33), ")".repeat(33)),
        format!("{}true{}", "(".repeat(2_000), ")".repeat(2_000)),
        format!("{}1{} == 1", "[".repeat(2_000), "]".repeat(2_000)),
        format!("{}true", "!".repeat(4_000)),
        format!("{}1 == score", "-".repeat(4_000)),
        format!("peer{}", ".a".repeat(2_000)),
        format!("peer{}", ".contains('a')".repeat(280)),
        format!("peer{}", "[0]".repeat(1_300)),
        format!("peer{}", " in peer".repeat(500)),
        format!("{}score", "score<".repeat(680)),
        format!("{}'a'{}", "size(".repeat(680), ")".repeat(680)),
    ] {
        let problem = refusal(&source);
        assert!(source.len() <= 4_096, "{} bytes", source.len());
        assert!(!problem.message.is_empty(), "{problem:?}");
    }
    let domains: Vec<String> = (0..200).map(|n| format!("'spam{n}.example'")).collect();
    for source in [
        format!("{} < score", chain("+", 60)),
        vec!["links > 1"; 300].join(" && "),
        vec!["links > 1"; 150].join(" || "),
        format!("peer in [{}]", domains.join(", ")),
        format!("{}true{}", "(".repeat(32), ")".repeat(32)),
        "links > 3 // why: (((((((((((((((((((((((((((((((((((((((((((\n && peer != '(((((((((((((((((((((((((((((((((('"
            .to_owned(),
    ] {
        if let Err(problem) = Condition::parse(&source) {
            panic!("{source} was refused: {problem:?}");
        }
    }
}

/// Half of the stack that `serve` gives the trial: what is refused must not overflow on the way.
#[test]
fn the_deepest_conditions_fit_a_small_stack() {
    let deepest = [
        format!("{} < score", vec!["1"; 60].join("+")),
        format!("{} < score", vec!["1"; 255].join("+")),
        format!("{}score == 1{}", "(".repeat(32), ")".repeat(32)),
        format!("{}score == 1{}", "!(".repeat(32), ")".repeat(32)),
        format!("{}true", "true?true:".repeat(62)),
        format!("{}true", "true?true:".repeat(250)),
        format!("{}size('')", "1+1 in [1,2] ? 1 : ".repeat(30)),
        format!("{}1{}", "[".repeat(32), "]".repeat(32)),
        format!("peer{}", ".a".repeat(500)),
    ];
    let run_all = move || {
        for source in &deepest {
            if let Ok(condition) = Condition::parse(source) {
                let outcome = run(&condition, &Facts::default(), 0);
                assert!(matches!(outcome, Ok(Value::Bool(_))), "{source}: {outcome:?}");
            }
        }
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(run_all).unwrap().join().unwrap();
}

#[test]
fn texts_that_a_fact_never_has_are_warned_of() {
    let kinds = "it is one of `chat`, `mail`, `post`, `invite`, `presence` or `report`";
    let host = "it is in lower case, as A-label, without a dot at the end";
    for (source, constant, expected) in [
        ("kind == \"matrix\"", Some(false), vec![format!("`kind` is never \"matrix\": {kinds}")]),
        ("'Mail' != kind", Some(true), vec![format!("`kind` is never \"Mail\": {kinds}; did you mean `mail`?")]),
        ("!(kind == 'xmpp')", Some(true), vec![format!("`kind` is never \"xmpp\": {kinds}")]),
        (
            "kind in ['fax', 'telex']",
            Some(false),
            vec![format!("`kind` is never \"fax\": {kinds}"), format!("`kind` is never \"telex\": {kinds}")],
        ),
        ("kind in ['fax', 'mail']", None, vec![format!("`kind` is never \"fax\": {kinds}")]),
        ("kind in ['chat', 'mail', 'post', 'invite', 'presence', 'report']", None, vec![]),
        ("kind.startsWith('act')", Some(false), vec![format!("`kind` never starts with \"act\": {kinds}")]),
        ("kind.contains('a')", None, vec![]),
        ("kind < 'a'", Some(false), vec![]),
        ("size(kind) > 8", Some(false), vec![]),
        ("(known_contact ? kind : 'mail') == 'fax'", Some(false), vec![]),
        ("peer == 'Spam.Example'", Some(false), vec![format!("`peer` is never \"Spam.Example\": {host}")]),
        ("peer != 'spam.example.'", Some(true), vec![format!("`peer` is never \"spam.example.\": {host}")]),
        (
            "peer in ['spam.example', 'bücher.example']",
            None,
            vec![format!("`peer` is never \"bücher.example\": {host}")],
        ),
        (
            "'Spam.Example' in [peer, sender_domain]",
            Some(false),
            vec![
                format!("`peer` is never \"Spam.Example\": {host}"),
                format!("`sender_domain` is never \"Spam.Example\": {host}"),
            ],
        ),
        (
            "sender_domain.endsWith('.Test')",
            Some(false),
            vec![format!("`sender_domain` never ends with \".Test\": {host}")],
        ),
        ("sender_domain.contains('a b')", Some(false), vec![format!("`sender_domain` never contains \"a b\": {host}")]),
        ("sender_domain.contains('.') || peer == ''", None, vec![]),
        (
            "network == '2001:DB8::/32'",
            Some(false),
            vec![
                "`network` is never \"2001:DB8::/32\": it is in lower case, without white space at its ends".to_owned(),
            ],
        ),
        ("sender == 'Ann@A.example'", None, vec![]),
    ] {
        let condition = Condition::parse(source).unwrap();
        assert_eq!((condition.constant(), condition.cautions()), (constant, expected.as_slice()), "{source}");
    }
}

#[test]
fn the_line_of_a_problem_is_found() {
    assert_eq!(refusal("score > 3 &&\n  links > 2 &&\n  scroe < 3").line, 3);
    assert_eq!(refusal("score > 3 &&\n  links > > 2").line, 2);
}

#[test]
fn conditions_that_have_one_value_are_found() {
    for (source, constant) in [
        ("true", Some(true)),
        ("1 + 1 == 3", Some(false)),
        ("'a' + 'b' == 'ab'", Some(true)),
        ("size('Ostrakon') == 8", Some(true)),
        ("score < -2000", Some(false)),
        ("score >= -1000", Some(true)),
        ("score + confidence <= 2000", Some(true)),
        ("confidence / 100 > 10", Some(false)),
        ("links < 0 || recipients < 0", Some(false)),
        ("known_contact || hour < 24", Some(true)),
        ("hour in [24, 25]", Some(false)),
        ("peer in []", Some(false)),
        ("(hour < 24 ? score : 5000) > 1000", Some(false)),
        ("score < -300 && confidence > 400", None),
        ("known_contact == signed", None),
        ("-score > 999", None),
        ("peer == sender_domain", None),
    ] {
        assert_eq!(Condition::parse(source).unwrap().constant(), constant, "{source}");
    }
}

#[test]
fn a_divisor_that_may_be_zero_is_mentioned() {
    assert!(Condition::parse("size / 1000 > 3 && hour % 6 == 0").unwrap().cautions().is_empty());
    let condition = Condition::parse("size / recipients > 1000").unwrap();
    assert!(condition.cautions()[0].starts_with("recipients may be 0"), "{:?}", condition.cautions());
    assert!(!Condition::parse("size / (links - 3) > 1000").unwrap().cautions().is_empty());
}

fn names(kind: FactType) -> Vec<String> {
    FACTS.iter().filter(|fact| fact.kind == kind).map(|fact| fact.name.to_owned()).collect()
}

fn facts() -> impl Strategy<Value = (Facts, u64)> {
    let value = |fact: &'static crate::Fact| match fact.kind {
        FactType::Text => {
            let texts = match fact.form {
                TextForm::Words(words) => words.to_vec(),
                TextForm::Host => vec!["", "a", "b", "ab.example"],
                TextForm::Any | TextForm::Lower => vec!["", "a", "b", "ab.example", "ä"],
            };
            prop::sample::select(texts).prop_map(|text| text.into()).boxed()
        }
        FactType::Bool => any::<bool>().prop_map(serde_json::Value::from).boxed(),
        FactType::Int => {
            let (lo, hi) = fact.range;
            prop_oneof![Just(lo), Just(hi), lo..=hi, (-20i64..20).prop_map(move |near| near.clamp(lo, hi))]
                .prop_map(serde_json::Value::from)
                .boxed()
        }
    };
    let fields: Vec<_> = FACTS
        .iter()
        .filter(|fact| !["now_ms", "hour"].contains(&fact.name))
        .map(|fact| value(fact).prop_map(|value| (fact.name.to_owned(), value)))
        .collect();
    let facts = fields.prop_map(|fields| serde_json::from_value(fields.into_iter().collect()).unwrap());
    (facts, 0..4_000_000_000_000u64)
}

fn leaf(kind: FactType) -> BoxedStrategy<String> {
    let literal = match kind {
        FactType::Int => prop_oneof![-3i64..4, -1200i64..1200, Just(i64::MAX), Just(i64::MIN + 1)]
            .prop_map(|number| number.to_string())
            .boxed(),
        FactType::Bool => any::<bool>().prop_map(|flag| flag.to_string()).boxed(),
        FactType::Text => {
            prop::sample::select(vec!["''", "'a'", "'example'", "'mail'", "'A.'"]).prop_map(str::to_owned).boxed()
        }
    };
    prop_oneof![literal, prop::sample::select(names(kind))].boxed()
}

/// An expression of `kind`, by the rules of CEL.
fn typed(kind: FactType, depth: u32) -> BoxedStrategy<String> {
    use FactType::{Bool, Int, Text};
    if depth == 0 {
        return leaf(kind);
    }
    let part = move |kind| typed(kind, depth - 1);
    let two = move |kind, operators: Vec<&'static str>| {
        (part(kind), prop::sample::select(operators), part(kind)).prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    };
    let choice = (part(Bool), part(kind), part(kind)).prop_map(|(test, a, b)| format!("({test} ? {a} : {b})"));
    let compare = vec!["==", "!=", "<", "<=", ">", ">="];
    match kind {
        Text => prop_oneof![leaf(Text), two(Text, vec!["+"]), choice].boxed(),
        Int => prop_oneof![
            leaf(Int),
            two(Int, vec!["+", "-", "*", "/", "%"]),
            part(Int).prop_map(|a| format!("(-{a})").replace("(--", "(- -")),
            part(Text).prop_map(|a| format!("size({a})")),
            choice
        ]
        .boxed(),
        Bool => prop_oneof![
            leaf(Bool),
            two(Bool, vec!["&&", "||", "==", "!=", "<"]),
            two(Int, compare.clone()),
            two(Text, compare),
            among(part(Text)),
            among(part(Int)),
            (part(Text), part(Text)).prop_map(|(a, b)| format!("({a}).endsWith({b})")),
            part(Bool).prop_map(|a| format!("!({a})")),
            choice
        ]
        .boxed(),
    }
}

fn among(part: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let list = prop::collection::vec(part.clone(), 0..3);
    (part, list).prop_map(|(value, list)| format!("({value} in [{}])", list.join(", ")))
}

/// Anything that parses, whether its types fit or not.
fn untyped(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![leaf(FactType::Int), leaf(FactType::Bool), leaf(FactType::Text)].boxed();
    if depth == 0 {
        return leaf;
    }
    let part = move || untyped(depth - 1);
    let operators = vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"];
    let methods = vec!["startsWith", "contains", "endsWith"];
    prop_oneof![
        leaf,
        (part(), prop::sample::select(operators), part()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        (part(), prop::sample::select(methods), part()).prop_map(|(a, name, b)| format!("({a}).{name}({b})")),
        (part(), part(), part()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        part().prop_map(|a| format!("!({a})")),
        part().prop_map(|a| format!("-({a})")),
        part().prop_map(|a| format!("size({a})")),
        prop::collection::vec(part(), 0..3).prop_map(|list| format!("[{}]", list.join(", "))),
    ]
    .boxed()
}

fn run(condition: &Condition, facts: &Facts, now_ms: u64) -> Result<Value, ExecutionError> {
    let root = Context::default();
    let variables = Variables::new(facts, now_ms);
    let mut scope = root.new_inner_scope();
    scope.set_variable_resolver(&variables);
    condition.program.execute(&scope)
}

/// The interpreter's answer is a bool, or arithmetic failed; never a type. Without the interpreter it is the same.
fn is_sound(condition: &Condition, facts: &Facts, now_ms: u64, outcome: &Result<Value, ExecutionError>) -> bool {
    if let Some(plain) = &condition.plain
        && *outcome != Ok(Value::Bool(plain.holds(facts, now_ms)))
    {
        return false;
    }
    match outcome {
        Ok(Value::Bool(flag)) => condition.constant().is_none_or(|constant| constant == *flag),
        Err(ExecutionError::Overflow(..) | ExecutionError::DivisionByZero(_)) => true,
        Err(ExecutionError::RemainderByZero(_)) => true,
        _ => false,
    }
}

/// Comparisons of numbers, put together.
fn plain(depth: u32) -> BoxedStrategy<String> {
    let compare =
        (leaf(FactType::Int), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]), leaf(FactType::Int))
            .prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let leaf = prop_oneof![compare, leaf(FactType::Bool)].boxed();
    if depth == 0 {
        return leaf;
    }
    let join = prop::sample::select(vec!["&&", "||"]);
    prop_oneof![
        leaf,
        (plain(depth - 1), join, plain(depth - 1)).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        plain(depth - 1).prop_map(|part| format!("!({part})")),
    ]
    .boxed()
}

#[test]
fn the_default_policy_needs_no_interpreter() {
    let policy = crate::Policy::parse("default", crate::DEFAULT_POLICY).unwrap();
    assert!(policy.rules().iter().all(|rule| rule.when.plain.is_some()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_fits_is_taken_and_its_range_is_kept(source in typed(FactType::Bool, 3), (facts, now_ms) in facts()) {
        let condition = Condition::parse(&source);
        prop_assert!(condition.is_ok(), "{source}: {condition:?}");
        let condition = condition.unwrap();
        let outcome = run(&condition, &facts, now_ms);
        prop_assert!(is_sound(&condition, &facts, now_ms, &outcome), "{source} ({:?}): {outcome:?}", condition.constant());
    }

    #[test]
    fn what_needs_no_interpreter_is_answered_as_by_it(source in plain(3), (facts, now_ms) in facts()) {
        let condition = Condition::parse(&source).unwrap();
        prop_assert!(condition.plain.is_some(), "{source}");
        let outcome = run(&condition, &facts, now_ms);
        prop_assert!(is_sound(&condition, &facts, now_ms, &outcome), "{source}: {outcome:?}");
    }

    #[test]
    fn what_is_taken_has_no_type_error(source in untyped(2), (facts, now_ms) in facts()) {
        if let Ok(condition) = Condition::parse(&source) {
            let outcome = run(&condition, &facts, now_ms);
            prop_assert!(is_sound(&condition, &facts, now_ms, &outcome), "{source} ({:?}): {outcome:?}", condition.constant());
        }
    }
}
