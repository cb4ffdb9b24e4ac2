//! What breaks a chain, in words.

use serde::Serialize;

/// Which check failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The public keys vouch for each other.
    Keys,
    /// The record can be read.
    Readable,
    /// The record is sealed.
    Sealed,
    /// Two records have the same number.
    Fork,
    /// The record says what it said when it was sealed.
    Content,
    /// The key that signed is known.
    Key,
    /// The signature is that key's.
    Signature,
    /// The key was in use.
    Retired,
    /// The chain begins where it should.
    Beginning,
    /// No number is missing.
    Gap,
    /// It follows the record before it.
    Order,
    /// The head that was kept outside is in the chain.
    Head,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 12] = [
        Self::Keys,
        Self::Readable,
        Self::Sealed,
        Self::Fork,
        Self::Content,
        Self::Key,
        Self::Signature,
        Self::Retired,
        Self::Beginning,
        Self::Gap,
        Self::Order,
        Self::Head,
    ];

    /// Its name, as it is written in JSON and in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Readable => "readable",
            Self::Sealed => "sealed",
            Self::Fork => "fork",
            Self::Content => "content",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Retired => "retired",
            Self::Beginning => "beginning",
            Self::Gap => "gap",
            Self::Order => "order",
            Self::Head => "head",
        }
    }

    /// What its failure means.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Keys => {
                "the list of public keys was changed by somebody who does not hold the operator's key, or the key was \
                 lost: what these keys signed proves nothing until you know which"
            }
            Self::Readable => "the object was not written by Anchorwatch, or by a newer version of it",
            Self::Sealed => {
                "a record without hash and signature after records that have them: it was not written by the operator"
            }
            Self::Fork => "records were put in, or two operators led at the same time",
            Self::Content => "the record was altered, renamed or moved after it was sealed",
            Self::Key => "the record was signed with a key that is none of the operator's",
            Self::Signature => "the record and its hash were altered by somebody who does not hold the key",
            Self::Retired => "somebody signs with a key that was replaced: it may have been stolen",
            Self::Beginning => "the oldest records were deleted, and not by the operator after their retention",
            Self::Gap => "records were deleted from the middle of the chain",
            Self::Order => "a record was exchanged for another, or put elsewhere in the chain",
            Self::Head => {
                "the end of the chain was cut off or replaced since that head was noted (or that record was pruned \
                 after its retention)"
            }
        }
    }

    /// What to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Keys => {
                "compare the ids of the keys with those that were logged at installation; if the key was lost, name the \
                 new one as trusted (operator.signingKey.trusted in the chart, --trust-key here)"
            }
            Self::Readable | Self::Sealed => {
                "find in the API server's audit log who created it; check that the ValidatingAdmissionPolicy for records \
                 is in place, and delete the object once you know"
            }
            Self::Fork => {
                "look in the operator's log for two leaders at that time, and else in the API server's audit log"
            }
            Self::Content | Self::Signature | Self::Order => {
                "find in the API server's audit log, or in etcd's backups, who changed it; take what the log of the \
                 operator says of this record instead"
            }
            Self::Key | Self::Retired => {
                "treat every record that this key signed as forged, and rotate the operator's key (raise \
                 operator.signingKey.generation in the chart)"
            }
            Self::Beginning | Self::Gap => {
                "find in the API server's audit log who deleted them; what they said is in the operator's log and Events"
            }
            Self::Head => {
                "compare the heads in the operator's log since then; find in the audit log who deleted records"
            }
        }
    }
}

/// The first thing that is wrong with a chain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Break {
    /// Which check failed.
    pub check: Check,
    /// Name of the record at which it did; none where no single record is to blame.
    pub record: Option<String>,
    /// What was found, in a sentence.
    pub what: String,
}

impl Break {
    /// Something that is wrong.
    pub fn new(check: Check, record: Option<&str>, what: String) -> Self {
        Self {
            check,
            record: record.map(ToOwned::to_owned),
            what,
        }
    }
}
