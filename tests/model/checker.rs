//! The checker: visits every state that a model can reach, shortest ways first, and says how a promise is broken.
//! Must not know what is modelled, and must not stop half way: too many states is a failure, not an answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::{self, Debug, Write};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::guards::Promise;

/// A system as states and the actions that lead from one to the next.
pub trait Model {
    /// Everything that the future depends on, and what is needed to see a promise broken.
    type State: Copy + Eq + Ord + Hash + Debug;
    /// One thing that happens; nothing else happens at the same time.
    type Action: Copy + Debug;

    /// Where all begins.
    fn start(&self) -> Self::State;

    /// All that can happen next. What would change nothing is left out.
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;

    /// The state after an action that `actions` named.
    fn after(&self, state: Self::State, action: Self::Action) -> Self::State;

    /// Whether the action happens by itself sooner or later. Faults and what users do are not due: they may stay away.
    fn is_due(&self, state: &Self::State, action: Self::Action) -> bool;

    /// The promise that was broken on the way to this state.
    fn broken(&self, state: &Self::State) -> Option<Promise>;

    /// The promise that is broken if nothing more happens by itself.
    fn owed(&self, state: &Self::State) -> Option<Promise>;

    /// Whether all went well here: a model in which this never comes about promises nothing.
    fn is_happy_end(&self, state: &Self::State) -> bool;

    /// The one state that stands for all that differ from this one only in names.
    fn representative(&self, state: Self::State) -> Self::State;
}

/// What was looked at: all there is.
#[derive(Debug)]
pub struct Explored {
    /// How many states there are, those that differ only in names counted once.
    pub states: usize,
    /// How many actions lead from one of them to another.
    pub steps: usize,
    /// How many actions the farthest state is away from the start.
    pub depth: usize,
    /// How many states are happy ends.
    pub happy_ends: usize,
}

/// A promise that does not hold, and the shortest way there.
#[derive(Debug)]
pub struct Violation {
    pub promise: Promise,
    pub trace: Trace,
}

/// Actions from the start, one a line; the last ones go round in a circle if `circle` says so.
pub struct Trace {
    actions: Vec<String>,
    circle: usize,
}

/// More states than any model here has by far: whoever meets it has made a model that does not end.
const MOST_STATES: usize = 3_000_000;

/// Visits every state.
///
/// # Errors
/// The first promise found broken: in a state on the way, in a state from which nothing happens by itself any more, or
/// by a circle in which things go on happening by themselves for ever.
pub fn explore<M: Model>(model: &M) -> Result<Explored, Box<Violation>> {
    Visit::begin(model, None).all()
}

/// The shortest way to break this promise without breaking another before; none if it holds.
pub fn find<M: Model>(model: &M, promise: Promise) -> Option<Box<Violation>> {
    Visit::begin(model, Some(promise)).all().err()
}

struct Visit<'a, M: Model> {
    model: &'a M,
    /// The states in the order in which they were found.
    found: Vec<Found<M::State>>,
    /// Where each is in `found`.
    places: HashMap<M::State, usize, BuildHasherDefault<Mix>>,
    /// The actions that are due, as places from and to.
    due: Vec<(usize, usize)>,
    steps: usize,
    /// The only promise of interest, unless all are.
    sought: Option<Promise>,
}

struct Found<S> {
    state: S,
    /// From where it was found first.
    from: usize,
    depth: usize,
}

impl<'a, M: Model> Visit<'a, M> {
    fn begin(model: &'a M, sought: Option<Promise>) -> Visit<'a, M> {
        let start = model.representative(model.start());
        let found = vec![Found { state: start, from: 0, depth: 0 }];
        Visit { model, found, places: HashMap::from_iter([(start, 0)]), due: Vec::new(), steps: 0, sought }
    }

    fn all(mut self) -> Result<Explored, Box<Violation>> {
        let (mut next, mut happy_ends) = (0, 0);
        while next < self.found.len() {
            self.expand(next)?;
            happy_ends += usize::from(self.model.is_happy_end(&self.found[next].state));
            next += 1;
        }
        if self.is_sought(Promise::EverythingEnds) {
            self.end_of_all_that_is_due()?;
        }
        let depth = self.found.last().map_or(0, |last| last.depth);
        Ok(Explored { states: self.found.len(), steps: self.steps, depth, happy_ends })
    }

    fn expand(&mut self, place: usize) -> Result<(), Box<Violation>> {
        let (model, state, depth) = (self.model, self.found[place].state, self.found[place].depth);
        let mut goes_on = false;
        for action in model.actions(&state) {
            let is_due = model.is_due(&state, action);
            let after = model.representative(model.after(state, action));
            assert!(after != state || !is_due, "{action:?} is said to be due and changes nothing");
            goes_on |= is_due;
            let broken = model.broken(&after);
            if broken.is_some_and(|promise| !self.is_sought(promise)) {
                continue;
            }
            let to = self.place(after, place, depth + 1);
            self.steps += 1;
            if let Some(promise) = broken {
                return Err(self.violation(promise, &[to], 0));
            }
            if is_due {
                self.due.push((place, to));
            }
        }
        match model.owed(&state) {
            Some(promise) if !goes_on && self.is_sought(promise) => Err(self.violation(promise, &[place], 0)),
            _ => Ok(()),
        }
    }

    fn is_sought(&self, promise: Promise) -> bool {
        self.sought.is_none_or(|sought| sought == promise)
    }

    fn place(&mut self, state: M::State, from: usize, depth: usize) -> usize {
        let place = self.found.len();
        match self.places.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                assert!(place < MOST_STATES, "more than {MOST_STATES} states: not all could be visited");
                new.insert(place);
                self.found.push(Found { state, from, depth });
                place
            }
        }
    }

    /// Takes away states from which nothing is due, again and again. What is left over goes round in circles.
    fn end_of_all_that_is_due(&self) -> Result<(), Box<Violation>> {
        let mut open = vec![0_usize; self.found.len()];
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.found.len()];
        for &(from, to) in &self.due {
            open[from] += 1;
            before[to].push(from);
        }
        let mut ended: Vec<usize> = (0..open.len()).filter(|place| open[*place] == 0).collect();
        while let Some(place) = ended.pop() {
            for &from in &before[place] {
                open[from] -= 1;
                if open[from] == 0 {
                    ended.push(from);
                }
            }
        }
        match open.iter().position(|&left| left > 0) {
            None => Ok(()),
            Some(start) => {
                let circle = self.circle(start, &open);
                Err(self.violation(Promise::EverythingEnds, &circle, circle.len() - 1))
            }
        }
    }

    /// Goes on from a state that never ends until one comes again; answers those from its first to its second visit.
    fn circle(&self, start: usize, open: &[usize]) -> Vec<usize> {
        let mut way = vec![start];
        loop {
            let here = way[way.len() - 1];
            let next = self.due.iter().find(|(from, to)| *from == here && open[*to] > 0).map(|(_, to)| *to);
            let next = next.expect("a state that never ends has a successor that never ends");
            if let Some(first) = way.iter().position(|place| *place == next) {
                way.push(next);
                return way.split_off(first);
            }
            way.push(next);
        }
    }

    /// The shortest way to the first of these places, then through the others.
    fn violation(&self, promise: Promise, places: &[usize], circle: usize) -> Box<Violation> {
        let mut way = places.to_vec();
        while way[0] != 0 {
            way.insert(0, self.found[way[0]].from);
        }
        Box::new(Violation { promise, trace: Trace { actions: self.actions_along(&way), circle } })
    }

    /// The actions by the names that they have from the start: the states along the way are representatives, in which
    /// names may have changed places.
    fn actions_along(&self, way: &[usize]) -> Vec<String> {
        let model = self.model;
        let mut state = model.start();
        let mut actions = Vec::new();
        for place in &way[1..] {
            let target = self.found[*place].state;
            let mut choices = model.actions(&state).into_iter();
            let choice = choices.find(|action| model.representative(model.after(state, *action)) == target);
            let action = choice.expect("a state and its representative can do the same");
            actions.push(format!("{action:?}"));
            state = model.after(state, action);
        }
        actions
    }
}

impl Trace {
    /// Whether an action that is written like this is part of it.
    pub fn has(&self, name: &str) -> bool {
        self.actions.iter().any(|action| action.contains(name))
    }
}

impl Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let circle = self.actions.len() - self.circle;
        for (index, action) in self.actions.iter().enumerate() {
            let sign = if index < circle { ' ' } else { '↻' };
            write!(f, "\n  {:>2}{sign} {action}", index + 1)?;
        }
        f.write_char('\n')
    }
}

/// A hash that is quick without optimisation. States are compared in full, so a collision costs time alone.
#[derive(Default)]
struct Mix(u64);

impl Mix {
    fn mix(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.mix(u64::from(*byte)));
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that goes from 0 to 3 by itself, and what is taken for wrong about it.
    struct Count {
        /// Where it goes on from 3.
        back_to: Option<u8>,
        must_not_be: Option<u8>,
        must_end_with: u8,
    }

    const SOUND: Count = Count { back_to: None, must_not_be: None, must_end_with: 3 };

    impl Model for Count {
        type State = u8;
        type Action = u8;

        fn start(&self) -> u8 {
            0
        }

        fn actions(&self, state: &u8) -> Vec<u8> {
            if *state < 3 { vec![state + 1] } else { Vec::from_iter(self.back_to) }
        }

        fn after(&self, _: u8, action: u8) -> u8 {
            action
        }

        fn is_due(&self, _: &u8, _: u8) -> bool {
            true
        }

        fn broken(&self, state: &u8) -> Option<Promise> {
            (self.must_not_be == Some(*state)).then_some(Promise::Fenced)
        }

        fn owed(&self, state: &u8) -> Option<Promise> {
            (*state != self.must_end_with).then_some(Promise::EveryJobEnds)
        }

        fn is_happy_end(&self, state: &u8) -> bool {
            *state == self.must_end_with
        }

        fn representative(&self, state: u8) -> u8 {
            state
        }
    }

    #[test]
    fn every_state_is_visited_once() {
        let explored = explore(&SOUND).unwrap();
        assert_eq!((explored.states, explored.steps, explored.depth, explored.happy_ends), (4, 3, 3, 1));
    }

    #[test]
    fn a_broken_promise_is_found_with_the_way_to_it() {
        let found = explore(&Count { must_not_be: Some(2), ..SOUND }).unwrap_err();
        assert_eq!((found.promise, found.trace.actions), (Promise::Fenced, vec!["1".to_owned(), "2".to_owned()]));
    }

    #[test]
    fn an_end_that_owes_something_is_found() {
        let found = explore(&Count { must_end_with: 4, ..SOUND }).unwrap_err();
        assert_eq!((found.promise, found.trace.actions.len()), (Promise::EveryJobEnds, 3));
    }

    #[test]
    fn a_circle_is_found_though_each_of_its_states_goes_on() {
        let found = explore(&Count { back_to: Some(1), ..SOUND }).unwrap_err();
        assert_eq!((found.promise, found.trace.actions.len(), found.trace.circle), (Promise::EverythingEnds, 4, 3));
    }

    #[test]
    fn nothing_is_sought_beyond_another_broken_promise() {
        let model = Count { must_not_be: Some(2), must_end_with: 4, ..SOUND };
        assert!(find(&model, Promise::EveryJobEnds).is_none());
        assert!(find(&model, Promise::Fenced).is_some());
    }
}
