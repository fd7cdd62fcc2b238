//! Reports about single commands and connections as slots of the drained array.

use std::time::Duration;

use napi::bindgen_prelude::{Array, Env, Object};

use crate::telemetry::{ConnectionEvent, Ending, Report, Server};

/// Its name and an object, known to `lib/observability/reports.cjs`. Times are in milliseconds.
pub fn set_report(
    env: Env,
    drained: &mut Array<'_>,
    position: u32,
    report: &Report,
) -> napi::Result<()> {
    let mut object = Object::new(&env)?;
    let name = match report {
        Report::Sent(sent) => {
            object.set("command", number(sent.command))?;
            object.set("operation", sent.name)?;
            set_server(&mut object, &sent.server)?;
            object.set("calls", sent.calls.to_vec())?;
            object.set("sessions", number(sent.sessions as u64))?;
            object.set("waited", sent.waited.map(millis))?;
            object.set("waitedForConnection", millis(sent.waited_for_connection))?;
            object.set("age", millis(sent.at.elapsed()))?;
            "sent"
        }
        Report::Done {
            command,
            elapsed,
            ending,
        } => {
            object.set("command", number(*command))?;
            object.set("duration", millis(*elapsed))?;
            match ending {
                Ending::Answered => {}
                Ending::Abandoned => object.set("isAbandoned", true)?,
                Ending::Failed(failure) => {
                    object.set("code", failure.code)?;
                    if let Some((code, name)) = &failure.server_code {
                        object.set("mongoCode", *code)?;
                        object.set("mongoCodeName", name.as_str())?;
                    }
                }
            }
            "done"
        }
        Report::Connection(server, event) => {
            set_server(&mut object, server)?;
            match event {
                ConnectionEvent::Created => "created",
                ConnectionEvent::Ready(duration) => {
                    object.set("duration", millis(*duration))?;
                    "ready"
                }
                ConnectionEvent::Closed(reason) => {
                    object.set("reason", *reason)?;
                    "closed"
                }
                ConnectionEvent::CheckoutFailed(duration) => {
                    object.set("duration", millis(*duration))?;
                    "checkout-failed"
                }
                ConnectionEvent::Primary => "primary",
            }
        }
        Report::Index(name) => {
            object.set("index", name.as_str())?;
            "index"
        }
    };
    drained.set(position, name)?;
    drained.set(position + 1, object)
}

fn set_server(object: &mut Object<'_>, server: &Server) -> napi::Result<()> {
    object.set("serverAddress", server.host.as_str())?;
    object.set("serverPort", server.port.map(u32::from))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a JavaScript number is an f64")]
fn number(count: u64) -> f64 {
    count as f64
}
