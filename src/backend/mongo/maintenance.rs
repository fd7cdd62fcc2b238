//! Commands of an operator's tool, which are written elsewhere.

use super::super::Visit;
use super::Mongo;
use super::command::{name_of, raw_command};
use super::repeat::Again;
use crate::codec::raw::{self, Writer, index};
use crate::connection::from_driver;
use crate::error::{Error, Result};
use crate::telemetry;

/// What is carried out, as messages say it.
const OPERATION: &str = "command";

impl Mongo {
    pub(super) async fn maintaining_query(&self, command: &[u8], visit: Visit<'_>) -> Result<()> {
        self.query_primary(OPERATION, written(command, None)?, visit)
            .await
    }

    pub(super) async fn maintaining_command(
        &self,
        command: &[u8],
        documents: Option<(&str, &[u8])>,
        writes: bool,
    ) -> Result<Vec<u8>> {
        let command = written(command, documents)?;
        let reply = if writes {
            self.run(OPERATION, Again::Harmless, command).await?
        } else {
            let database = self.connection.database().await?;
            let command = raw_command(command)?;
            let send = async {
                let name = name_of(&command);
                let reply = telemetry::command(name, database.run_raw_command(command)).await;
                reply.map_err(|error| from_driver(OPERATION, &error))
            };
            self.connection.unless_refused(send).await?
        };
        reply
            .to_vec()
            .map_err(|_| Error::Serialization("a reply could not be written as BSON".to_owned()))
    }
}

/// A command of raw BSON, and perhaps of documents in an array.
fn written(command: &[u8], documents: Option<(&str, &[u8])>) -> Result<Writer> {
    let size = documents.map_or(0, |(_, documents)| documents.len());
    let mut writer = Writer::with_capacity(command.len() + size + 256);
    for element in raw::elements(command) {
        writer.element(element?);
    }
    if let Some((name, documents)) = documents {
        writer.start_array(name);
        for (position, document) in raw::sequence(documents).enumerate() {
            writer.document(&index(position), document?);
        }
        writer.end();
    }
    Ok(writer)
}
