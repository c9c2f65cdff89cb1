//! What an utterance puts into the slots: values, corrections, what is denied, a telephone number part by part.

use serde_json::Value;

use super::Walk;
use super::collect::{expected, slot};
use super::judge::parse_time;
use crate::compile::{Asking, Collecting};
use crate::node::SlotKind;
use crate::understand::{self, Clock, Reading, Words};

/// What one utterance did to the slots.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) filled: Vec<String>,
    pub(super) corrected: Vec<String>,
    /// The first value that cannot be: slot, reason, what the texts may say about it.
    pub(super) refused: Option<(String, &'static str, Value)>,
    /// A telephone number was begun.
    pub(super) partial: bool,
    /// The caller does not want something.
    pub(super) denied: bool,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.filled.is_empty()
            && self.corrected.is_empty()
            && self.refused.is_none()
            && !self.partial
            && !self.denied
    }
}

impl Walk {
    pub(super) fn fill(&mut self, node: &str, collecting: &Collecting, text: &str) -> Changes {
        let state = self.collect_state(node).clone();
        let mut readings = {
            let expected = expected(collecting, &state, &Words::new(text));
            understand::read(text, &self.wanted(collecting, expected.as_deref()), self.now.date())
        };
        let mut changes = Changes::default();
        // Days before times: the hours of the day decide about the time.
        readings.values.sort_by_key(|(_, reading)| !matches!(reading, Reading::Date(_)));
        changes.denied = !readings.denied.is_empty() && readings.values.is_empty();
        for (name, reading) in &readings.denied {
            self.deny(collecting, name, reading, &readings);
        }
        for (name, reading) in &readings.values {
            let Some(asking) = slot(collecting, name) else { continue };
            let reading = match reading {
                Reading::Digits(digits) => {
                    match self.digits(node, collecting, asking, digits, readings.only_digits) {
                        Some(whole) => Reading::Digits(whole),
                        None => {
                            changes.partial = true;
                            continue;
                        }
                    }
                }
                // "in the morning" beside a known time says nothing new.
                Reading::Time(Clock::Vague(_)) if self.filled(collecting, name) => continue,
                other => other.clone(),
            };
            self.take(node, collecting, asking, &reading, &mut changes);
        }
        if readings.values.iter().any(|(_, reading)| matches!(reading, Reading::Date(_))) {
            self.check_time_again(collecting, &mut changes);
        }
        changes
    }

    fn take(
        &mut self,
        node: &str,
        collecting: &Collecting,
        asking: &Asking,
        reading: &Reading,
        changes: &mut Changes,
    ) {
        let name = &asking.slot.name;
        match self.judge(collecting, asking, reading) {
            Ok(value) => {
                let before = self.held(collecting, name).cloned();
                if before.as_ref() == Some(&value) {
                    return;
                }
                self.put(collecting, name, value);
                self.collect_state(node).last_filled = Some(name.clone());
                if before.is_some() {
                    changes.corrected.push(name.clone())
                } else {
                    changes.filled.push(name.clone())
                }
            }
            Err((reason, about)) => {
                changes.refused.get_or_insert((name.clone(), reason, about));
            }
        }
    }

    /// A value that the caller does not want is taken out, unless another one replaces it.
    fn deny(
        &mut self,
        collecting: &Collecting,
        name: &str,
        reading: &Reading,
        readings: &understand::Readings,
    ) {
        if readings.value(name).is_some() {
            return;
        }
        let Some(asking) = slot(collecting, name) else { return };
        let denied = self.judge(collecting, asking, reading).ok();
        if denied.is_some() && self.held(collecting, name) == denied.as_ref() {
            self.clear(collecting, name);
        }
    }

    /// A time that was fine on the old day may not be on the new one.
    fn check_time_again(&mut self, collecting: &Collecting, changes: &mut Changes) {
        let Some(asking) = collecting.slots.iter().find(|asking| asking.slot.kind == SlotKind::Time) else {
            return;
        };
        let held = self.held(collecting, &asking.slot.name).and_then(Value::as_str).and_then(parse_time);
        let Some(time) = held else { return };
        if let Err((reason, about)) = self.judge(collecting, asking, &Reading::Time(Clock::Exact(time))) {
            self.clear(collecting, &asking.slot.name);
            changes.refused.get_or_insert((asking.slot.name.clone(), reason, about));
        }
    }

    /// Puts the parts of a telephone number together. None while it is incomplete.
    fn digits(
        &mut self,
        node: &str,
        collecting: &Collecting,
        asking: &Asking,
        digits: &str,
        alone: bool,
    ) -> Option<String> {
        let fewest = asking.slot.min.unwrap_or(7) as usize;
        let most = asking.slot.max.unwrap_or(15) as usize;
        let held = self.held(collecting, &asking.slot.name).and_then(Value::as_str).map(str::to_owned);
        let state = self.collect_state(node);
        if digits.len() >= fewest {
            state.digits.clear();
            return Some(digits.to_owned());
        }
        if let Some(held) = held.filter(|held| alone && held.len() + digits.len() <= most.min(11)) {
            // The number went on after a breath.
            if state.last_filled.as_deref() == Some(asking.slot.name.as_str()) {
                return Some(held + digits);
            }
        }
        state.digits.push_str(digits);
        if state.digits.len() < fewest {
            return None;
        }
        Some(std::mem::take(&mut state.digits))
    }
}
