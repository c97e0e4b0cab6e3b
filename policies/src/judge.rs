//! Judges a message: from its facts to a judgement.

use std::collections::BTreeMap;

use cel::Context;

use crate::decision::{Judgement, Opinion, Verdict};
use crate::error::PolicyError;
use crate::facts::{Fact, FactType, FactValue, Facts, Variables};
use crate::limiter::{Cause, KEYS_MAX, Keys, Level, LimitObjection, Limiter, key_in, key_of};
use crate::policy::{DEFAULT_RULE, LIMITS_MAX, Limit, Mode, Policy, Rule};
use crate::source::list;
use crate::template::Filled;

/// A policy in force, with the counters of its limits. Many threads may use it at once.
pub struct Judge {
    policy: Policy,
    limiter: Limiter,
    /// The interpreter's functions. Created once, because that takes longer than many decisions.
    root: Context<'static, 'static>,
}

impl Judge {
    /// A judge for `policy`. A limit that `previous` has too, with the same name, key, rate, burst, condition and mode,
    /// continues with its counters, and both judges may be used at the same time. All other limits start empty.
    pub fn new(policy: Policy, previous: Option<&Judge>) -> Self {
        let previous = previous.map(|judge| (judge.policy.limits(), &judge.limiter));
        let limiter = Limiter::new(policy.limits(), KEYS_MAX, previous);
        Self { policy, limiter, root: Context::default() }
    }

    /// Judges a message that arrived with `facts` at `now_ms` (milliseconds since 1970, UTC), and counts it:
    ///
    /// 1. The limits whose `when` is true are asked together. If all enforced limits let the message pass, it counts in
    ///    each of them, whatever the verdict of the rules is. Otherwise it counts in none.
    /// 2. All rules are asked.
    /// 3. The worst verdict of the enforced opinions wins. All opinions are kept.
    pub fn decide(&self, facts: &Facts, now_ms: u64) -> Judgement {
        let variables = Variables::new(facts, now_ms);
        let mut scope = self.root.new_inner_scope();
        scope.set_variable_resolver(&variables);
        let case = Case { facts, now_ms };

        // 1.
        let mut keys: Keys = [None; LIMITS_MAX];
        for (limit, key) in self.policy.limits().iter().zip(&mut keys) {
            // A limit whose condition cannot be evaluated applies, which is the safe choice.
            if limit.when.as_ref().is_none_or(|when| when.holds(facts, now_ms, &scope).unwrap_or(true)) {
                *key = Some((key_in(limit, facts, now_ms), limit.cost.cells(facts)));
            }
        }
        let objections = self.limiter.take(&keys, now_ms);
        let about = |it: &LimitObjection| self.policy.limits().get(it.limit).map(|limit| case.of_limit(limit, it));
        let mut reasons: Vec<Opinion> = objections.iter().filter_map(about).collect();

        // 2.
        reasons.extend(self.ask_rules(case, &scope));

        // 3.
        let worst = reasons.iter().filter(|opinion| !opinion.shadow).map(|opinion| opinion.verdict).max();
        if worst.is_none() {
            reasons.push(no_objection());
        }
        let verdict = worst.unwrap_or(Verdict::Accept);
        let retry_after_ms = if verdict == Verdict::Defer { self.retry_after_ms(&objections, now_ms) } else { None };
        Judgement { verdict, retry_after_ms, reasons }
    }

    /// What the rules alone say of a message with `facts` at `now_ms`. Counts nothing in any limit.
    pub fn rules(&self, facts: &Facts, now_ms: u64) -> Vec<Opinion> {
        let variables = Variables::new(facts, now_ms);
        let mut scope = self.root.new_inner_scope();
        scope.set_variable_resolver(&variables);
        self.ask_rules(Case { facts, now_ms }, &scope).collect()
    }

    fn ask_rules<'a>(&'a self, case: Case<'a>, scope: &'a Context<'a, 'a>) -> impl Iterator<Item = Opinion> + 'a {
        self.policy.rules().iter().filter_map(move |rule| match rule.when.holds(case.facts, case.now_ms, scope) {
            Ok(false) => None,
            Ok(true) => Some(case.of_rule(rule)),
            Err(problem) => Some(case.of_broken_rule(rule, &problem)),
        })
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Forgets what `limit` counted for `key`, which has the values of the limit's key facts in the order of the
    /// policy. Returns whether the key was counted.
    ///
    /// # Errors
    /// [`PolicyError::UnknownLimit`], [`PolicyError::WrongKey`].
    pub fn reset(&self, limit: &str, key: &[&str]) -> Result<bool, PolicyError> {
        let (position, limit) = self.find(limit)?;
        Ok(self.limiter.reset(position, &key_of(parse_key(limit, key)?.into_iter())))
    }

    /// How full the counter of `key` in `limit` is, `key` as in [`Self::reset`].
    ///
    /// # Errors
    /// [`PolicyError::UnknownLimit`], [`PolicyError::WrongKey`].
    pub fn level(&self, limit: &str, key: &[&str], now_ms: u64) -> Result<Level, PolicyError> {
        let (position, found) = self.find(limit)?;
        let level = self.limiter.level(position, &key_of(parse_key(found, key)?.into_iter()), now_ms);
        level.ok_or_else(|| self.unknown(limit))
    }

    /// When the last of the enforced limits that object lets the message pass.
    fn retry_after_ms(&self, objections: &[LimitObjection], now_ms: u64) -> Option<u64> {
        let enforced =
            |it: &&LimitObjection| self.policy.limits().get(it.limit).is_some_and(|limit| limit.mode == Mode::Enforce);
        let wait = |it: &LimitObjection| it.level.next_at_ms.saturating_sub(now_ms);
        // A limit that never lets the message pass has no such time, but then the verdict is not `defer`.
        objections.iter().filter(enforced).map(wait).max()
    }

    fn find(&self, name: &str) -> Result<(usize, &Limit), PolicyError> {
        let found = self.policy.limits().iter().enumerate().find(|(_, limit)| limit.name == name);
        found.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> PolicyError {
        let known: Vec<&str> = self.policy.limits().iter().map(Limit::name).collect();
        PolicyError::UnknownLimit { name: name.to_owned(), known: format!("there is {}", list(&known)) }
    }
}

/// Parses the values of a limit's key facts.
fn parse_key<'a>(limit: &Limit, words: &[&'a str]) -> Result<Vec<FactValue<'a>>, PolicyError> {
    let wrong = |problem: String| PolicyError::WrongKey { limit: limit.name.clone(), problem };
    if words.len() != limit.key.len() {
        let names: Vec<&str> = limit.key().collect();
        return Err(wrong(format!("has a key of {} values: {}", names.len(), names.join(", "))));
    }
    let value = |(fact, word): (&&'static Fact, &&'a str)| match fact.kind {
        FactType::Text => Some(FactValue::Text(word)),
        FactType::Int => word.parse().ok().map(FactValue::Int),
        FactType::Bool => word.parse().ok().map(FactValue::Bool),
    };
    limit
        .key
        .iter()
        .zip(words)
        .map(|(fact, word)| {
            value((fact, word)).ok_or_else(|| wrong(format!("needs a value of type {} for `{}`", fact.kind, fact.name)))
        })
        .collect()
}

/// The message that is judged.
#[derive(Clone, Copy)]
struct Case<'a> {
    facts: &'a Facts,
    now_ms: u64,
}

impl Case<'_> {
    fn of_limit(self, limit: &Limit, objection: &LimitObjection) -> Opinion {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let Level { used, burst, next_at_ms } = objection.level;
        let retry_after_ms = signed(next_at_ms.saturating_sub(self.now_ms));
        let number = |name: &str| match name {
            "used" => Some(i64::from(used)),
            "burst" => Some(i64::from(burst)),
            "retry_after_ms" => Some(retry_after_ms),
            "next_at_ms" => Some(signed(next_at_ms)),
            _ => None,
        };
        let mut numbers: BTreeMap<String, i64> = BTreeMap::new();
        if let Some(when) = &limit.when {
            numbers.extend(when.numbers(self.facts, self.now_ms));
        }
        numbers
            .extend(crate::template::LIMIT_NUMBERS.iter().filter_map(|name| Some(((*name).to_owned(), number(name)?))));
        let (verdict, filled) = match objection.cause {
            Cause::Used => (limit.verdict, limit.explain.fill(self.facts, self.now_ms, &number)),
            // A message must not be rejected for good because of the messages of others.
            Cause::Full => (Verdict::Defer, limit.no_room.fill(self.facts, self.now_ms, &number)),
            // With a deferral, the sender would try again for ever.
            Cause::TooMany { cells } => {
                numbers.retain(|name, _| !["retry_after_ms", "next_at_ms"].contains(&name.as_str()));
                let text = format!(
                    "\"{}\": the message has {cells} recipients and {burst} pass at once, so it never passes; send it \
                     to fewer at a time",
                    limit.name
                );
                (if limit.verdict == Verdict::Defer { Verdict::Reject } else { limit.verdict }, text.into())
            }
        };
        let Filled { text, waits } = filled;
        Opinion { rule: limit.name.clone(), verdict, shadow: limit.mode == Mode::Shadow, text, numbers, waits }
    }

    fn of_rule(self, rule: &Rule) -> Opinion {
        let text = rule.explain.fill(self.facts, self.now_ms, &|_| None);
        self.about(rule, rule.verdict, text.text)
    }

    /// A rule that cannot be evaluated defers the message, until the policy is corrected.
    fn of_broken_rule(self, rule: &Rule, problem: &str) -> Opinion {
        self.about(rule, Verdict::Defer, format!("\"{}\" could not be evaluated: {problem}", rule.name))
    }

    fn about(self, rule: &Rule, verdict: Verdict, text: String) -> Opinion {
        let numbers = rule.when.numbers(self.facts, self.now_ms).collect();
        Opinion { rule: rule.name.clone(), verdict, shadow: rule.mode == Mode::Shadow, text, numbers, waits: vec![] }
    }
}

fn no_objection() -> Opinion {
    Opinion {
        rule: DEFAULT_RULE.to_owned(),
        verdict: Verdict::Accept,
        shadow: false,
        text: "no limit or rule objects".to_owned(),
        numbers: BTreeMap::new(),
        waits: Vec::new(),
    }
}
