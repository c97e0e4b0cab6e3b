//! The watch over the wall clock, as a value that is driven: readings in, what may be believed out.

/// How far the wall clock may step against the steady one and still be followed at once: a time server that corrects a clock
/// moves it by less; leap seconds are smaller.
pub const TOLERANCE_MS: u64 = 5_000;

/// How long another time must last before it is believed. Time servers, virtual machines that wake up and people with a
/// typing error have corrected themselves by then; ten minutes late with a deletion hurt nobody.
pub const LASTING_MS: u64 = 10 * 60_000;

/// A start this long after the latest record is unusual enough to wait before anything expires by it.
pub const UNUSUAL_MS: u64 = 24 * 3_600_000;

/// What both clocks show at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The wall clock, Unix milliseconds.
    pub wall_ms: u64,
    /// The steady clock: milliseconds since some moment. It never goes back.
    pub steady_ms: u64,
}

/// What may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The best guess, Unix milliseconds.
    pub now_ms: u64,
    /// The time that has passed at the least, Unix milliseconds: for whatever cannot be undone. At most `now_ms`.
    pub settled_ms: u64,
    /// The time that an entry of the ledger may carry for ever, Unix milliseconds; `None` while the wall clock and the latest
    /// record disagree and nothing says which of them is wrong.
    pub dated_ms: Option<u64>,
    /// Whether the wall clock shows something else.
    pub in_doubt: bool,
}

/// What is worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockEvent {
    /// The wall clock jumped against the steady one.
    Jumped {
        /// Milliseconds, forward if positive.
        by_ms: i64,
    },
    /// At the start it is behind the latest record.
    Behind {
        /// Milliseconds.
        by_ms: i64,
    },
    /// At the start it is far ahead of the latest record.
    Ahead {
        /// Milliseconds.
        by_ms: i64,
    },
    /// It shows what it should again.
    Returned,
    /// Another time has lasted and is believed now.
    Believed {
        /// Milliseconds, forward if positive.
        by_ms: i64,
    },
}

/// Where the time comes from.
#[derive(Debug, Clone, Copy)]
enum Basis {
    /// The wall clock, as long as it keeps this lead over the steady one.
    Wall { lead_ms: i64 },
    /// The latest record, from which the steady clock goes on: there is no reading yet that was believed.
    Record { lead_ms: i64 },
}

/// Another lead of the wall clock than the one that is believed, and since when it shows it.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    lead_ms: i64,
    since_ms: u64,
}

/// Watches the wall clock.
#[derive(Debug, Clone)]
pub struct Watch {
    basis: Basis,
    doubt: Option<Doubt>,
}

impl ClockReading {
    /// How far the wall clock is ahead of the steady one, milliseconds.
    pub fn lead_ms(&self) -> i64 {
        signed(self.wall_ms).saturating_sub(signed(self.steady_ms))
    }

    fn at(&self, lead_ms: i64) -> u64 {
        u64::try_from(signed(self.steady_ms).saturating_add(lead_ms)).unwrap_or(0)
    }
}

impl Watch {
    /// A watch that believes its first reading.
    pub fn new(first: ClockReading) -> Self {
        Self { basis: Basis::Wall { lead_ms: first.lead_ms() }, doubt: None }
    }

    /// A watch that compares its first reading with the latest time on record.
    pub fn beginning(first: ClockReading, newest_ms: u64) -> (Self, Option<ClockEvent>) {
        let lead_ms = signed(newest_ms).saturating_sub(signed(first.steady_ms));
        let mut watch = Self { basis: Basis::Record { lead_ms }, doubt: None };
        let event = watch.observe(first).1.filter(|event| *event != ClockEvent::Returned);
        (watch, event)
    }

    /// The wall clock's lead over the steady one, while nothing is in doubt.
    pub fn lead_ms(&self) -> Option<i64> {
        match (self.basis, self.doubt) {
            (Basis::Wall { lead_ms }, None) => Some(lead_ms),
            _ => None,
        }
    }

    /// Takes a reading into account. An event is told once.
    pub fn observe(&mut self, reading: ClockReading) -> (Time, Option<ClockEvent>) {
        let (shown, believed) = (reading.lead_ms(), self.basis.lead_ms());
        let by_ms = shown.saturating_sub(believed);
        let event = if self.basis.allows(by_ms) {
            let returned = self.doubt.take().is_some() || matches!(self.basis, Basis::Record { .. });
            self.basis = Basis::Wall { lead_ms: shown };
            returned.then_some(ClockEvent::Returned)
        } else {
            self.doubt(reading, by_ms)
        };
        (self.time(reading), event)
    }

    /// The wall clock shows another time than it should.
    fn doubt(&mut self, reading: ClockReading, by_ms: i64) -> Option<ClockEvent> {
        let shown = reading.lead_ms();
        match &mut self.doubt {
            Some(doubt) if shown.abs_diff(doubt.lead_ms) <= TOLERANCE_MS => {
                doubt.lead_ms = shown;
                if reading.steady_ms.saturating_sub(doubt.since_ms) < LASTING_MS {
                    return None;
                }
                (self.basis, self.doubt) = (Basis::Wall { lead_ms: shown }, None);
                Some(ClockEvent::Believed { by_ms })
            }
            _ => {
                self.doubt = Some(Doubt { lead_ms: shown, since_ms: reading.steady_ms });
                Some(match self.basis {
                    Basis::Wall { .. } => ClockEvent::Jumped { by_ms },
                    Basis::Record { .. } if by_ms < 0 => ClockEvent::Behind { by_ms: -by_ms },
                    Basis::Record { .. } => ClockEvent::Ahead { by_ms },
                })
            }
        }
    }

    fn time(&self, reading: ClockReading) -> Time {
        let believed_ms = reading.at(self.basis.lead_ms());
        let (now_ms, settled_ms) = match self.basis {
            Basis::Wall { .. } => (believed_ms, believed_ms),
            // Either can be wrong: the wall clock now, or the one under which the latest record was written. After a long
            // pause nothing speaks against the wall clock except that it is unusual.
            Basis::Record { .. } => (believed_ms.max(reading.wall_ms), believed_ms.min(reading.wall_ms)),
        };
        let dated_ms = matches!(self.basis, Basis::Wall { .. }).then_some(believed_ms);
        Time { now_ms, settled_ms, dated_ms, in_doubt: self.doubt.is_some() }
    }
}

impl Basis {
    fn lead_ms(self) -> i64 {
        match self {
            Self::Wall { lead_ms } | Self::Record { lead_ms } => lead_ms,
        }
    }

    /// Whether a wall clock that shows this much more than the basis says is believed at once.
    fn allows(self, by_ms: i64) -> bool {
        let (back, ahead) = match self {
            Self::Wall { .. } => (TOLERANCE_MS, TOLERANCE_MS),
            Self::Record { .. } => (TOLERANCE_MS, UNUSUAL_MS),
        };
        by_ms >= -signed(back) && by_ms <= signed(ahead)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
