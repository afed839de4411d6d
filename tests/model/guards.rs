//! The promises that are checked, and the guards that keep them, each of which can be taken out.
//! Must not say how a guard works; the models do.

/// What must hold. The numbers are those of the design's promises.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Promise {
    /// 1: nothing is shown that is not committed.
    DurableThenVisible,
    /// 2: a viewer receives 1, 2, 3 … without a gap or a repeat.
    ExactlyOnceInOrder,
    /// 2: a viewer whose stream the server ends has seen all there was.
    NothingAfterTheEnd,
    /// 2: every connected viewer gets every event, without help by further events.
    EveryViewerIsServed,
    /// 3: the job ends.
    EveryJobEnds,
    /// 3: nothing goes on by itself for ever.
    EverythingEnds,
    /// 4: no attempt pays for a step that was finished before it began.
    PaidOnce,
    /// 5: a cancelled job does not complete.
    StopMeansStop,
    /// 5: nothing is written after the end of a job, unless its user retries it.
    OverIsOver,
    /// 6: nothing of an attempt is written once another has begun.
    Fenced,
    /// Nobody takes a job from an attempt whose lease holds, nor from one that runs in the same process.
    LeaseIsKept,
    /// What an attempt or a sweeper writes is written once, though its answer is lost.
    WrittenOnce,
    /// What a user asks for happens once, though the answer is lost.
    CommandedOnce,
}

/// The guards of the core. A test takes one out and sees what is lost.
#[derive(Clone, Copy, Debug)]
pub struct Guards {
    // Writing.
    /// A write of an attempt is refused unless its job is being processed and the attempt is the latest.
    pub fence: bool,
    /// A status may become only what it may become.
    pub transitions: bool,
    /// A batch whose answer was lost is committed again under its id, by which what is durable is recognised.
    pub batch_id: bool,
    /// A reclaim looks at the lease again, under the row lock.
    pub only_expired_leases: bool,
    /// A sweeper passes over the attempts that run in its own process.
    pub not_its_own: bool,
    /// A step's output is stored before the attempt goes on.
    pub output_before_going_on: bool,
    /// An attempt looks for a stored output before it pays.
    pub stored_output_first: bool,
    /// An expired lease is taken up by a sweeper.
    pub sweeper: bool,

    // Reading.
    /// The seq of an event is taken under the row lock that its commit releases.
    pub seq_under_row_lock: bool,
    /// An event is published after its commit.
    pub commit_then_publish: bool,
    /// A viewer subscribes, then reads.
    pub subscribe_then_read: bool,
    /// A viewer drops frames at or below its cursor.
    pub drop_what_was_seen: bool,
    /// A viewer that lagged reads the store.
    pub read_on_lag: bool,
    /// A viewer that misses a seq reads the store.
    pub read_on_gap: bool,
    /// A viewer reads the store once more after a terminal event.
    pub read_after_the_end: bool,
    /// Viewers are told to read the store when a batch turns out to have been durable.
    pub doubt_after_lost_answer: bool,
    /// The other instance is notified of a batch that is durable by its second try.
    pub notify_after_lost_answer: bool,
    /// The other instance is notified of what was published.
    pub notify: bool,
    /// Viewers are told to read the store when their instance's listener has connected again.
    pub doubt_after_reconnect: bool,
    /// A watched job's last seq is compared with what was published here.
    pub poll: bool,
    /// What counts as published in a new channel is taken before its first viewer reads.
    pub watermark_before_read: bool,

    // Reading from memory.
    /// A frame that leaves a gap is not kept behind those before it.
    pub begin_anew_on_gap: bool,
    /// After a doubt the last frame in memory does not count as the end.
    pub no_end_after_doubt: bool,
    /// A reading that a doubt came into does not tell the end.
    pub no_end_by_a_doubted_reading: bool,
    /// That nothing follows a terminal event is for the store to say.
    pub end_by_the_store: bool,
    /// Those who follow are told of what a reading finds that was not published here.
    pub tell_what_is_found: bool,
}

impl Guards {
    /// All of them.
    pub const ALL: Guards = Guards {
        fence: true,
        transitions: true,
        batch_id: true,
        only_expired_leases: true,
        not_its_own: true,
        output_before_going_on: true,
        stored_output_first: true,
        sweeper: true,
        seq_under_row_lock: true,
        commit_then_publish: true,
        subscribe_then_read: true,
        drop_what_was_seen: true,
        read_on_lag: true,
        read_on_gap: true,
        read_after_the_end: true,
        doubt_after_lost_answer: true,
        notify_after_lost_answer: true,
        notify: true,
        doubt_after_reconnect: true,
        poll: true,
        watermark_before_read: true,
        begin_anew_on_gap: true,
        no_end_after_doubt: true,
        no_end_by_a_doubted_reading: true,
        end_by_the_store: true,
        tell_what_is_found: true,
    };
}

/// One of the two instances.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum At {
    A,
    B,
}

impl At {
    pub const BOTH: [At; 2] = [At::A, At::B];

    pub fn other(self) -> At {
        match self {
            At::A => At::B,
            At::B => At::A,
        }
    }

    pub fn index(self) -> usize {
        self as usize
    }
}
