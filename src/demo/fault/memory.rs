//! Remembers how often a fault was given already, and which ones wait for the next calls.
//! It must not know which faults exist.

use super::Asked;
use std::collections::{HashMap, VecDeque};

/// Texts remembered; the oldest is forgotten first, which begins its count anew.
const MAX_REMEMBERED: usize = 1_000;
/// Faults that may be armed ahead, each for any number of calls.
pub(super) const MAX_ARMED: usize = 100;

/// What one stand-in remembers of the faults asked for.
#[derive(Debug, Default)]
pub(in crate::demo) struct Memory {
    /// How many requests with this text got the fault since the last one that did not.
    given: HashMap<(String, u32), u32>,
    /// The keys of `given` in the order in which they came.
    order: VecDeque<(String, u32)>,
    armed: VecDeque<(&'static str, u32)>,
}

impl Memory {
    /// Whether a request that asks for this gets it.
    pub(in crate::demo) fn is_due(&mut self, asked: &Asked) -> bool {
        let Some(times) = asked.times else { return true };
        let key = (asked.name.clone(), times);
        if !self.given.contains_key(&key) {
            if self.order.len() == MAX_REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.given.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        let given = self.given.entry(key).or_default();
        let due = *given < times;
        *given = if due { *given + 1 } else { 0 };
        due
    }

    /// Lets the next `times` calls that nothing else decides about have this fault, after those armed before. False when
    /// too many are armed already.
    pub(in crate::demo) fn arm(&mut self, name: &'static str, times: u32) -> bool {
        let room = self.armed.len() < MAX_ARMED;
        if room && times > 0 {
            self.armed.push_back((name, times));
        }
        room
    }

    /// What is armed, and for how many calls.
    pub(super) fn armed(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.armed.iter().copied()
    }

    pub(super) fn disarm(&mut self) {
        self.armed.clear();
    }

    /// Takes one of what is armed.
    pub(in crate::demo) fn next_armed(&mut self) -> Option<&'static str> {
        let (name, times) = self.armed.front_mut()?;
        let name = *name;
        *times -= 1;
        if *times == 0 {
            self.armed.pop_front();
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, times: Option<u32>) -> Asked {
        Asked { name: name.to_owned(), times }
    }

    #[test]
    fn so_many_get_it_then_one_does_not_then_it_starts_again() {
        let mut memory = Memory::default();
        let twice = asked("reset", Some(2));
        let due: Vec<bool> = (0..7).map(|_| memory.is_due(&twice)).collect();
        assert_eq!(due, [true, true, false, true, true, false, true]);
        assert!((0..5).all(|_| memory.is_due(&asked("reset", None))), "without a number every one does");
        assert!(memory.is_due(&asked("reset", Some(1))) && !memory.is_due(&asked("reset", Some(1))), "counted apart");
        assert!(!memory.is_due(&asked("reset", Some(0))));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memory = Memory::default();
        let oldest = asked("fault-0", Some(1));
        assert!(memory.is_due(&oldest));
        for number in 1..=MAX_REMEMBERED {
            assert!(memory.is_due(&asked(&format!("fault-{number}"), Some(1))));
        }
        assert_eq!((memory.given.len(), memory.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
        assert!(memory.is_due(&oldest), "it was forgotten");
        assert!(!memory.is_due(&asked(&format!("fault-{MAX_REMEMBERED}"), Some(1))), "this one was not");
        assert!((0..MAX_ARMED).all(|_| memory.arm("reset", 1)));
        assert!(!memory.arm("reset", 1));
    }

    #[test]
    fn what_is_armed_is_taken_in_order() {
        let mut memory = Memory::default();
        assert!(memory.arm("reset", 2) && memory.arm("html", 1) && memory.arm("silence", 0));
        let taken: Vec<_> = (0..4).map(|_| memory.next_armed()).collect();
        assert_eq!(taken, [Some("reset"), Some("reset"), Some("html"), None]);
    }
}
