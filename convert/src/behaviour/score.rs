//! Why a command is unusual.

use anchorwatch_core::score::{Near, Strangeness};
use anchorwatch_crds::v1alpha1::{CommandScore, NearCommand};

use crate::number::unsigned;

/// From an object's, within the core's bounds.
pub fn strangeness_from_crd(score: CommandScore) -> Strangeness {
    let CommandScore {
        p_millionths,
        novelty_thousandths,
        scorable,
        nearest,
        strange,
        capabilities,
        together,
    } = score;
    let near = |near: NearCommand| Near {
        command: near.command,
        similarity_hundredths: unsigned(near.similarity_hundredths),
    };
    Strangeness {
        p_millionths: unsigned(p_millionths),
        novelty_thousandths: unsigned(novelty_thousandths),
        scorable,
        nearest: nearest.into_iter().map(near).collect(),
        strange,
        capabilities,
        together: unsigned(together),
    }
    .bounded()
}

/// To an object's.
pub fn strangeness_to_crd(strangeness: &Strangeness) -> CommandScore {
    let Strangeness {
        p_millionths,
        novelty_thousandths,
        scorable,
        nearest,
        strange,
        capabilities,
        together,
    } = strangeness;
    let near = |near: &Near| NearCommand {
        command: near.command.clone(),
        similarity_hundredths: near.similarity_hundredths.into(),
    };
    CommandScore {
        p_millionths: (*p_millionths).into(),
        novelty_thousandths: (*novelty_thousandths).into(),
        scorable: *scorable,
        nearest: nearest.iter().map(near).collect(),
        strange: strange.clone(),
        capabilities: capabilities.clone(),
        together: (*together).into(),
    }
}
