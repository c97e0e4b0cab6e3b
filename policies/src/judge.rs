//! Facts in, decision out.

use std::collections::BTreeMap;

use cel::Context;

use crate::decision::{Decision, Opinion, Verdict};
use crate::error::PolicyError;
use crate::facts::{Fact, FactType, Facts, Value, Variables};
use crate::limiter::{Cause, KEYS_MAX, Keys, Level, Limiter, Refusal, key_in, key_of};
use crate::policy::{DEFAULT_RULE, LIMITS_MAX, Limit, Mode, Policy, Rule};
use crate::source::list;
use crate::template::Filled;

/// A policy at work, with the counters of its limits. Many threads may ask it at once.
pub struct Judge {
    policy: Policy,
    limiter: Limiter,
    /// The interpreter's functions; made once, because that takes longer than many decisions.
    root: Context<'static, 'static>,
}

impl Judge {
    /// Puts `policy` to work. Limits that `previous` has in the same form (name, key, rate, burst, condition, mode)
    /// go on with its counters, also while both are still asked; all others start empty.
    pub fn new(policy: Policy, previous: Option<&Judge>) -> Self {
        let previous = previous.map(|judge| (judge.policy.limits(), &judge.limiter));
        let limiter = Limiter::new(policy.limits(), KEYS_MAX, previous);
        Self { policy, limiter, root: Context::default() }
    }

    /// Judges a message that arrived with `facts` at `now_ms` (milliseconds since 1970, UTC), and counts it:
    ///
    /// 1. The limits whose `when` holds are asked together. If all enforced ones let the message pass, it counts in
    ///    each of them, whatever the rules then say; otherwise in none.
    /// 2. All rules are asked.
    /// 3. The worst verdict of what is enforced wins; everything said is kept.
    pub fn decide(&self, facts: &Facts, now_ms: u64) -> Decision {
        let variables = Variables::new(facts, now_ms);
        let mut scope = self.root.new_inner_scope();
        scope.set_variable_resolver(&variables);
        let case = Case { facts, now_ms };

        // 1.
        let mut keys: Keys = [None; LIMITS_MAX];
        for (limit, key) in self.policy.limits().iter().zip(&mut keys) {
            // A limit whose condition cannot be evaluated applies: that is the safe side.
            if limit.when.as_ref().is_none_or(|when| when.holds(facts, now_ms, &scope).unwrap_or(true)) {
                *key = Some((key_in(limit, facts, now_ms), limit.cost.cells(facts)));
            }
        }
        let refusals = self.limiter.take(&keys, now_ms);
        let about =
            |refusal: &Refusal| self.policy.limits().get(refusal.limit).map(|limit| case.of_limit(limit, refusal));
        let mut reasons: Vec<Opinion> = refusals.iter().filter_map(about).collect();

        // 2.
        reasons.extend(self.ask_rules(case, &scope));

        // 3.
        let worst = reasons.iter().filter(|opinion| !opinion.shadow).map(|opinion| opinion.verdict).max();
        if worst.is_none() {
            reasons.push(nothing_said());
        }
        let verdict = worst.unwrap_or(Verdict::Accept);
        let retry_after_ms = if verdict == Verdict::Defer { self.retry_after_ms(&refusals, now_ms) } else { None };
        Decision { verdict, retry_after_ms, reasons }
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

    /// The policy at work.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Forgets what `limit` counted for `key`, the values of its key facts in the order of the policy. Returns whether
    /// there was something to forget.
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

    /// When the last of the enforced limits that refused lets the message pass.
    fn retry_after_ms(&self, refusals: &[Refusal], now_ms: u64) -> Option<u64> {
        let enforced = |refusal: &&Refusal| {
            self.policy.limits().get(refusal.limit).is_some_and(|limit| limit.mode == Mode::Enforce)
        };
        let wait = |refusal: &Refusal| refusal.level.next_at_ms.saturating_sub(now_ms);
        // (A refusal for good is not a deferral, so its time is never asked for.)
        refusals.iter().filter(enforced).map(wait).max()
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

/// The values of a limit's key facts, from words.
fn parse_key<'a>(limit: &Limit, words: &[&'a str]) -> Result<Vec<Value<'a>>, PolicyError> {
    let wrong = |problem: String| PolicyError::WrongKey { limit: limit.name.clone(), problem };
    if words.len() != limit.key.len() {
        let names: Vec<&str> = limit.key().collect();
        return Err(wrong(format!("has a key of {} values: {}", names.len(), names.join(", "))));
    }
    let value = |(fact, word): (&&'static Fact, &&'a str)| match fact.kind {
        FactType::Text => Some(Value::Text(word)),
        FactType::Int => word.parse().ok().map(Value::Int),
        FactType::Bool => word.parse().ok().map(Value::Bool),
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

/// What is judged.
#[derive(Clone, Copy)]
struct Case<'a> {
    facts: &'a Facts,
    now_ms: u64,
}

impl Case<'_> {
    fn of_limit(self, limit: &Limit, refusal: &Refusal) -> Opinion {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let Level { used, burst, next_at_ms } = refusal.level;
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
        let (verdict, filled) = match refusal.cause {
            Cause::Used => (limit.verdict, limit.explain.fill(self.facts, self.now_ms, &number)),
            // Nobody is refused for good because of what others sent.
            Cause::Full => (Verdict::Defer, limit.no_room.fill(self.facts, self.now_ms, &number)),
            // Who is told to try again would do so for ever.
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

    /// A rule that cannot be evaluated has not cleared the message: it waits until the policy is mended.
    fn of_broken_rule(self, rule: &Rule, problem: &str) -> Opinion {
        self.about(rule, Verdict::Defer, format!("\"{}\" could not be evaluated: {problem}", rule.name))
    }

    fn about(self, rule: &Rule, verdict: Verdict, text: String) -> Opinion {
        let numbers = rule.when.numbers(self.facts, self.now_ms).collect();
        Opinion { rule: rule.name.clone(), verdict, shadow: rule.mode == Mode::Shadow, text, numbers, waits: vec![] }
    }
}

fn nothing_said() -> Opinion {
    Opinion {
        rule: DEFAULT_RULE.to_owned(),
        verdict: Verdict::Accept,
        shadow: false,
        text: "no limit or rule objects".to_owned(),
        numbers: BTreeMap::new(),
        waits: Vec::new(),
    }
}
