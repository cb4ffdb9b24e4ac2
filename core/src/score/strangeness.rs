//! What is kept of a command that was raised: why it is unusual.

use serde::{Deserialize, Serialize};

use super::Judged;
use crate::text::{bounded, json_len};

/// Longest text of a neighbour that is kept, in bytes.
const MAX_NEAR: usize = 96;
/// Longest strange word that is kept, in bytes.
const MAX_WORD: usize = 48;
/// Most neighbours and words of each sort that are kept.
const MAX_NEAREST: usize = 3;
const MAX_WORDS: usize = 6;

/// Why a command is unusual, as it was when it was raised. In whole numbers, so that it is the same on every machine and
/// in every format.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Strangeness {
    /// How often something normal is as strange, in millionths, rounded up.
    pub p_millionths: u32,
    /// How strange it is, in thousandths: 0 or more.
    pub novelty_thousandths: u32,
    /// False where too little was learned to tell anything as improbable as the policy's tolerance asks for.
    pub scorable: bool,
    /// The nearest learned commands.
    pub nearest: Vec<Near>,
    /// Words that no learned command has.
    pub strange: Vec<String>,
    /// What it could do that learned commands could seldom or never.
    pub capabilities: Vec<String>,
    /// How many new commands of its lineage within an hour were looked at together; 0 where it is unusual by itself.
    pub together: u32,
}

/// A learned command that is near.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Near {
    /// Its template, shortened.
    pub command: String,
    /// Its Jaccard similarity in hundredths.
    pub similarity_hundredths: u32,
}

impl Strangeness {
    /// Of a judged command.
    pub fn new(judged: &Judged, scorable: bool, together: u32) -> Self {
        let nearest = judged.nearest.iter().map(|near| Near {
            command: near.command.clone(),
            similarity_hundredths: scaled(near.similarity, 100.0),
        });
        Self {
            p_millionths: scaled(judged.p, 1e6),
            novelty_thousandths: scaled(judged.novelty, 1e3),
            scorable,
            nearest: nearest.collect(),
            strange: judged.explanation.strange.clone(),
            capabilities: judged.explanation.capabilities.clone(),
            together,
        }
        .bounded()
    }

    /// Within the limits, whatever came.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.nearest.truncate(MAX_NEAREST);
        for near in &mut self.nearest {
            near.command = bounded(std::mem::take(&mut near.command), MAX_NEAR);
        }
        for words in [&mut self.strange, &mut self.capabilities] {
            words.truncate(MAX_WORDS);
            for word in words {
                *word = bounded(std::mem::take(word), MAX_WORD);
            }
        }
        self
    }

    /// About how many bytes it takes in JSON: never less than it really takes.
    pub(crate) fn json_len(&self) -> usize {
        /// Names and numbers of all fields, and of a neighbour's.
        const FRAME: usize = 200;
        const NEAR: usize = 48;
        let nearest: usize = self.nearest.iter().map(|near| json_len(&near.command) + NEAR).sum();
        let words = self.strange.iter().chain(&self.capabilities);
        FRAME + nearest + words.map(|word| json_len(word) + 3).sum::<usize>()
    }

    /// The most that [`Self::json_len`] can be.
    pub(crate) const MAX_JSON: usize = 200 + MAX_NEAREST * (6 * MAX_NEAR + 48) + 2 * MAX_WORDS * (6 * MAX_WORD + 3);
}

/// A number of 0 or more as whole parts, rounded up, so that what is not nothing never reads as nothing.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn scaled(number: f64, parts: f64) -> u32 {
    libm::ceil(number * parts).clamp(0.0, f64::from(u32::MAX)) as u32
}
