//! Whether a connector runs and moves forward against its source's head: what the readiness of the daemon is made of.
//!
//! It reads what the parts told ([`crate::metrics`]) and changes nothing. Invariant: a broker that is away makes a connector
//! not ready, never dead; dead is only a loop that does not turn.

use std::time::Duration;

use super::status::{State, Status};
use crate::metrics::Meters;

/// How long a batch may wait for its acknowledgement, and how long nothing may be read though there is something.
const STANDSTILL: Duration = Duration::from_secs(30);

/// How long a pump may not be seen to turn. It shows it every five seconds, whatever it waits for.
const SILENCE: Duration = Duration::from_secs(60);

/// Whether a connector moves forward.
///
/// # Errors
/// Why not.
pub fn moves(status: &Status, meters: &Meters) -> Result<(), String> {
    match status.state {
        State::Running => runs(meters),
        // As it was told.
        State::Stopped => Ok(()),
        State::Unassigned => Err("it starts".to_owned()),
        State::Failed | State::Restarting => Err(status.trace.clone().unwrap_or_else(|| "it failed".to_owned())),
    }
}

fn runs(meters: &Meters) -> Result<(), String> {
    if let Some((time, why)) = meters.sink.away() {
        return Err(format!("{why}, for {} s", time.as_secs()));
    }
    if let Some(oldest) = meters.flow.oldest().filter(|oldest| oldest.waits > STANDSTILL) {
        let events = meters.flow.levels().events;
        let waits = oldest.waits.as_secs();
        return Err(format!(
            "{events} events were read and are not durable; the first of them has waited for {waits} s"
        ));
    }
    if let Some(time) = meters.head.stalled().filter(|time| *time > STANDSTILL) {
        let (bytes, time) = (meters.head.behind().unwrap_or(0), time.as_secs());
        return Err(format!("{bytes} bytes of the log are not read yet, and nothing was read for {time} s"));
    }
    Ok(())
}

/// Whether the loop of a connector turns.
///
/// # Errors
/// For how long it has not.
pub fn turns(meters: &Meters) -> Result<(), String> {
    match meters.line.silent() {
        Some(time) if time > SILENCE => Err(format!("its loop has not turned for {} s", time.as_secs())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, trace: Option<&str>) -> Status {
        Status { trace: trace.map(str::to_owned), ..Status::now(state) }
    }

    #[test]
    fn what_does_not_run_does_not_move() {
        let meters = Meters::default();
        assert_eq!(moves(&status(State::Running, None), &meters), Ok(()));
        assert_eq!(moves(&status(State::Stopped, None), &meters), Ok(()));
        assert_eq!(moves(&status(State::Unassigned, None), &meters), Err("it starts".to_owned()));
        assert_eq!(moves(&status(State::Failed, Some("why")), &meters), Err("why".to_owned()));
    }

    #[test]
    fn a_sink_that_is_away_is_not_ready_and_not_dead() {
        let meters = Meters::default();
        meters.line.beats();
        meters.sink.is_away("kafka b:9092: no acknowledgement yet (down)");
        let reason = moves(&status(State::Running, None), &meters).unwrap_err();
        assert_eq!(reason, "kafka b:9092: no acknowledgement yet (down), for 0 s");
        assert_eq!(turns(&meters), Ok(()));
        meters.sink.is_back();
        assert_eq!(moves(&status(State::Running, None), &meters), Ok(()));
    }
}
