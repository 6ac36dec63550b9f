//! Dispatches on their way to the device: recorded one after the other, submitted together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use wgpu::{CommandEncoder, ComputePass, ComputePassDescriptor, Device, Queue, SubmissionIndex};

/// Submissions that the device may have in front of it: enough to never let it wait.
const IN_FLIGHT: usize = 4;
/// Dispatches of a submission, at most. A submission costs as much as many short dispatches.
const MOST: usize = 64;
/// What a submission should take of the device: longer ones delay a stop, shorter ones cost more than they do.
const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_millis(100);

pub struct Recorder {
    open: Option<Open>,
    /// Dispatches of a submission, as long as the last ones took suggests.
    most: usize,
    submitted: VecDeque<SubmissionIndex>,
    /// When the device was last found to be done with one.
    done: Instant,
}

/// What is recorded and not submitted.
struct Open {
    encoder: CommandEncoder,
    pass: ComputePass<'static>,
    dispatches: usize,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder { open: None, most: 1, submitted: VecDeque::new(), done: Instant::now() }
    }
}

impl Recorder {
    /// Records one dispatch; whether it is time to submit.
    pub fn record(&mut self, device: &Device, dispatch: impl FnOnce(&mut ComputePass)) -> bool {
        let open = self.open.get_or_insert_with(|| {
            let mut encoder = device.create_command_encoder(&Default::default());
            let pass = encoder.begin_compute_pass(&ComputePassDescriptor::default()).forget_lifetime();
            Open { encoder, pass, dispatches: 0 }
        });
        dispatch(&mut open.pass);
        open.dispatches += 1;
        open.dispatches >= self.most
    }

    /// The encoder behind what is recorded.
    pub fn encoder(&mut self, device: &Device) -> CommandEncoder {
        match self.open.take() {
            Some(Open { encoder, pass, .. }) => {
                drop(pass);
                encoder
            }
            None => device.create_command_encoder(&Default::default()),
        }
    }

    /// Submits what is recorded; gives the submission to wait for where the device has many in front of it.
    pub fn submit(&mut self, device: &Device, queue: &Queue) -> Option<SubmissionIndex> {
        if self.open.is_some() {
            let encoder = self.encoder(device);
            self.submitted.push_back(queue.submit([encoder.finish()]));
        }
        if self.submitted.len() > IN_FLIGHT { self.submitted.pop_front() } else { None }
    }

    /// Something else was submitted.
    pub fn submitted(&mut self, submission: SubmissionIndex) {
        self.submitted.push_back(submission);
    }

    /// Other work begins: how long it takes is not known.
    pub fn restart(&mut self) {
        (self.most, self.done) = (1, Instant::now());
    }

    /// Forgets what is recorded.
    pub fn discard(&mut self) {
        self.open = None;
    }

    /// The last submission.
    pub fn last(&self) -> Option<SubmissionIndex> {
        self.submitted.back().cloned()
    }

    /// The device was waited for.
    pub fn waited(&mut self) {
        let took = std::mem::replace(&mut self.done, Instant::now()).elapsed();
        if took < SHORT {
            self.most = (2 * self.most).min(MOST);
        } else if took > LONG {
            self.most = (self.most / 2).max(1);
        }
    }
}
