use futures_util::FutureExt;

use super::*;

const BASE: Duration = Duration::from_millis(20);

fn refusal() -> Refusal {
    Refusal {
        code: 462,
        code_name: "IngressRequestRateLimitExceeded".to_owned(),
        labels: Vec::new(),
    }
}

async fn shed(pressure: &Pressure) {
    let turn = pressure.turn("get").await.unwrap();
    turn.refused(refusal(), BASE);
}

#[tokio::test]
async fn nothing_is_sent_for_at_least_as_long_as_the_server_says() {
    let pressure = Pressure::default();
    let since = Instant::now();
    shed(&pressure).await;
    assert!(pressure.is_high() && !pressure.may_send());
    assert!(pressure.refusal("get").is_none(), "it is worth waiting");
    pressure.turn("get").await.unwrap().carried_out();
    assert!(since.elapsed() >= BASE);
    assert!(!pressure.is_high() && pressure.may_send());
}

#[tokio::test]
async fn one_command_finds_out_for_all() {
    let pressure = Pressure::default();
    shed(&pressure).await;
    let trial = pressure.turn("get").await.unwrap();
    assert!(!pressure.may_send());
    assert!(pressure.turn("get").now_or_never().is_none());
    let mut others = [1, 2].map(|_| Box::pin(pressure.turn("get")));
    assert!(
        others
            .iter_mut()
            .all(|other| other.now_or_never().is_none())
    );
    trial.carried_out();
    assert!(
        others
            .into_iter()
            .all(|other| other.now_or_never().unwrap().is_ok())
    );
}

#[tokio::test]
async fn a_trial_that_is_given_up_makes_room_for_the_next() {
    let pressure = Pressure::default();
    shed(&pressure).await;
    drop(pressure.turn("get").await.unwrap());
    assert!(pressure.is_high() && pressure.may_send());
    assert!(pressure.turn("get").now_or_never().is_some());
}

#[tokio::test]
async fn commands_that_were_sent_together_count_once() {
    let pressure = Pressure::default();
    let turns = [pressure.turn("get").await, pressure.turn("set").await];
    for turn in turns {
        turn.unwrap().refused(refusal(), BASE);
    }
    assert_eq!(pressure.state().sheds, 1);
}

#[tokio::test]
async fn who_would_wait_for_long_is_told_at_once() {
    let pressure = Pressure::default();
    for _ in 0..=RETRIES {
        shed(&pressure).await;
    }
    let Err(Error::Overloaded { retry_after, .. }) = pressure.turn("get").await else {
        panic!("it waits");
    };
    assert!(retry_after > BASE && retry_after <= LONGEST_PAUSE);
    assert_eq!(
        pressure.refusal("get").unwrap().code(),
        "ERR_STORE_OVERLOADED"
    );
    let turn = Pressure::default();
    turn.turn("get").await.unwrap().refused(refusal(), PATIENCE);
    assert!(
        turn.turn("get").await.is_err(),
        "a long pause that the server names"
    );
}

#[test]
fn pauses_grow_to_ten_seconds() {
    for attempt in [1, 2, 7, 31, 32, 40] {
        let pause = pause(BASE_PAUSE, attempt);
        assert!(pause >= BASE_PAUSE && pause <= LONGEST_PAUSE, "{pause:?}");
    }
}
