//! `rater,ratee,rating −10…10,unix time`, no header: who trusts whom in a trading community.
//!
//! A rating times ten is the value of a vote about the ratee, who is a pseudo-peer like the rater: `vouch` for a positive
//! one, `scam` for a negative one.

use ostrakon_ledger::{Category, PeerName, Subject};

use super::rows::{Columns, each};
use super::{Action, Again, Format, ImportError, Parsed, SourceVote};

const COLUMNS: [&str; 4] = ["rater", "ratee", "rating", "time"];
const RATER: usize = 0;
const RATEE: usize = 1;
const RATING: usize = 2;
const TIME: usize = 3;
/// Best and worst rating.
const RATING_MAX: i8 = 10;

pub(super) fn parse(csv: &[u8], own: &PeerName) -> Result<Parsed, ImportError> {
    let mut parsed = Parsed::default();
    let format = Format::Otc.as_str();
    each(csv, &Columns::in_order(COLUMNS), |row| {
        let text = row.text(RATING)?;
        let rating =
            text.parse::<i8>().ok().filter(|rating| *rating != 0 && (-RATING_MAX..=RATING_MAX).contains(rating));
        let Some(rating) = rating else {
            return Err(row.fault(RATING, text, "is not a rating: -10 to 10 and not 0"));
        };
        let action = Action::Cast {
            value: rating * 10,
            category: if rating > 0 { Category::Vouch } else { Category::Scam },
            cast_at_ms: row.unix_seconds(TIME)?,
            expires_at_ms: 0,
        };
        let subject = Subject::Peer(row.source(RATEE, format, own)?);
        let (source, again) = (row.source(RATER, format, own)?, Again::Later);
        parsed.votes.push(SourceVote { source, subject, action, line: row.line, again });
        Ok(())
    })?;
    Ok(parsed)
}
