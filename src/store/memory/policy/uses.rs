//! How much an entry was used, in one byte.
//!
//! Four bits of frequency, which say how often the key was asked for and outlive the entry as a ghost's; two bits of
//! references since a clock hand last passed; two bits of the epoch in which the byte was written. A frequency is
//! halved for each epoch that passed since, when somebody looks: all frequencies age at the same moment, and none has
//! to be touched for it. Two bits tell three epochs apart, so a byte has to be looked at before the fourth.

/// The largest frequency.
pub(super) const MAX_FREQUENCY: u8 = 15;

const FREQUENCY: u8 = 0b0000_1111;
const REFERENCE: u8 = 0b0001_0000;
const REFERENCES: u8 = 0b0011_0000;
const EPOCH_SHIFT: u32 = 6;

/// The current time, modulo four, by which frequencies age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch(u8);

impl Epoch {
    /// The epoch of the two low bits of `bits`.
    pub(super) fn from_bits(bits: u8) -> Epoch {
        Epoch(bits & 3)
    }

    /// Its two bits.
    pub(super) fn bits(self) -> u8 {
        self.0
    }

    /// The one after.
    pub(super) fn next(self) -> Epoch {
        Epoch((self.0 + 1) & 3)
    }

    /// How many epochs this one is after `earlier`, up to three.
    #[inline]
    pub(super) fn since(self, earlier: Epoch) -> u8 {
        self.0.wrapping_sub(earlier.0) & 3
    }
}

/// Frequency, references and the epoch of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uses(u8);

impl Uses {
    /// Of a new entry: no references yet.
    pub(super) fn new(frequency: u8, epoch: Epoch) -> Uses {
        Uses(frequency.min(MAX_FREQUENCY) | epoch.bits() << EPOCH_SHIFT)
    }

    #[inline]
    pub(super) fn from_byte(byte: u8) -> Uses {
        Uses(byte)
    }

    #[inline]
    pub(super) fn byte(self) -> u8 {
        self.0
    }

    /// The same as of `epoch`.
    #[inline]
    pub(super) fn at(self, epoch: Epoch) -> Uses {
        let passed = epoch.since(Epoch::from_bits(self.0 >> EPOCH_SHIFT));
        Uses((self.0 & FREQUENCY) >> passed | self.0 & REFERENCES | epoch.bits() << EPOCH_SHIFT)
    }

    /// With one more use.
    #[inline]
    pub(super) fn used(self) -> Uses {
        let mut byte = self.0;
        byte += u8::from(byte & FREQUENCY != FREQUENCY);
        byte += if byte & REFERENCES == REFERENCES { 0 } else { REFERENCE };
        Uses(byte)
    }

    /// The frequency as of the byte's own epoch.
    pub(super) fn frequency(self) -> u8 {
        self.0 & FREQUENCY
    }

    /// Whether it was used since a clock hand last passed.
    pub(super) fn is_referenced(self) -> bool {
        self.0 & REFERENCES != 0
    }

    /// With one reference less.
    pub(super) fn dereferenced(self) -> Uses {
        if self.is_referenced() { Uses(self.0 - REFERENCE) } else { self }
    }

    /// Without references.
    pub(super) fn unreferenced(self) -> Uses {
        Uses(self.0 & !REFERENCES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_halved_for_each_epoch_that_passed() {
        let start = Epoch::default();
        let uses = Uses::new(13, start);
        assert_eq!(uses.at(start).frequency(), 13);
        assert_eq!(uses.at(start.next()).frequency(), 6);
        assert_eq!(uses.at(start.next().next()).frequency(), 3);
        assert_eq!(uses.at(start.next()).at(start.next().next()).frequency(), 3);
    }

    #[test]
    fn counts_saturate_and_never_spill_into_each_other() {
        let epoch = Epoch::default().next().next().next();
        let mut uses = Uses::new(0, epoch);
        for count in 1..=40 {
            uses = uses.used();
            assert_eq!(uses.frequency(), MAX_FREQUENCY.min(count));
            assert_eq!(uses.at(epoch), uses);
        }
        assert!(uses.dereferenced().dereferenced().is_referenced());
        assert!(!uses.dereferenced().dereferenced().dereferenced().is_referenced());
        assert!(!uses.unreferenced().is_referenced());
        assert_eq!(uses.unreferenced().frequency(), MAX_FREQUENCY);
    }
}
