//! The HTTP client that the AWS SDK finds credentials with (`MONGODB-AWS`): its requests go out by
//! `reqwest`, which the MongoDB driver has for `MONGODB-OIDC` anyway.
//!
//! The SDK's own crate of this name brings a second TLS provider (aws-lc, with a build in C), HTTP/2 and
//! a connection pool of its own, for a handful of small requests. This one has of its interface
//! what `aws-smithy-runtime` uses: a [`Builder`] of a client, and a [`ConnectorBuilder`] of its connectors.

pub mod proxy;
pub mod tls;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use self::proxy::ProxyConfig;
use self::tls::Provider;

/// Makes the client of an SDK configuration.
#[derive(Debug, Default)]
pub struct Builder(());

impl Builder {
    /// A builder without settings: there are none.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A client that lets `build` make a connector for every combination of timeouts, once.
    #[must_use]
    pub fn build_with_connector_fn<F>(self, build: F) -> SharedHttpClient
    where
        F: Fn(Option<&HttpConnectorSettings>, Option<&RuntimeComponents>) -> Connector
            + Send
            + Sync
            + 'static,
    {
        SharedHttpClient::new(Client {
            build,
            connectors: Mutex::default(),
        })
    }
}

/// The time to connect, and the time to answer.
type Timeouts = (Option<Duration>, Option<Duration>);

struct Client<F> {
    build: F,
    connectors: Mutex<HashMap<Timeouts, SharedHttpConnector>>,
}

impl<F> fmt::Debug for Client<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Client")
    }
}

impl<F> HttpClient for Client<F>
where
    F: Fn(Option<&HttpConnectorSettings>, Option<&RuntimeComponents>) -> Connector + Send + Sync,
{
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self
            .connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(timeouts).or_insert_with(|| {
            SharedHttpConnector::new((self.build)(Some(settings), Some(components)))
        });
        connector.clone()
    }
}

/// Makes a [`Connector`].
#[derive(Debug, Default)]
pub struct ConnectorBuilder {
    settings: HttpConnectorSettings,
    proxies: ProxyConfig,
}

impl ConnectorBuilder {
    /// There is one provider, whichever is asked for.
    #[must_use]
    pub fn tls_provider(self, _provider: Provider) -> Self {
        self
    }

    /// Sets how long a connector may take to connect and to answer.
    pub fn set_connector_settings(&mut self, settings: Option<HttpConnectorSettings>) -> &mut Self {
        self.settings = settings.unwrap_or_default();
        self
    }

    /// The timeouts run on Tokio's clock.
    pub fn set_sleep_impl(&mut self, _sleep: Option<SharedAsyncSleep>) -> &mut Self {
        self
    }

    /// Sets whether the proxies that the environment names are used.
    pub fn set_proxy_config(&mut self, proxies: Option<ProxyConfig>) -> &mut Self {
        self.proxies = proxies.unwrap_or_default();
        self
    }

    /// A connector for http: and https: addresses.
    #[must_use]
    pub fn build(self) -> Connector {
        // The instance's own services answer with what is meant, or not at all.
        let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        if let Some(timeout) = self.settings.connect_timeout() {
            client = client.connect_timeout(timeout);
        }
        if let Some(timeout) = self.settings.read_timeout() {
            client = client.read_timeout(timeout);
        }
        if self.proxies == ProxyConfig::disabled() {
            client = client.no_proxy();
        }
        Connector(client.build().map_err(|error| error.to_string()))
    }
}

/// Sends requests, one at a time as they come.
#[derive(Clone, Debug)]
pub struct Connector(Result<reqwest::Client, String>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let client = client.map_err(|error| ConnectorError::other(error.into(), None))?;
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?
                // What the SDK sends is in memory: it has no streams here.
                .map(|body| body.bytes().map(<[u8]>::to_vec).unwrap_or_default());
            let request = reqwest::Request::try_from(request)
                .map_err(|error| ConnectorError::user(error.into()))?;
            send(&client, request).await
        })
    }
}

async fn send(
    client: &reqwest::Client,
    request: reqwest::Request,
) -> Result<HttpResponse, ConnectorError> {
    let answer = client.execute(request).await.map_err(failure)?;
    let mut response = http::Response::new(SdkBody::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = SdkBody::from(answer.bytes().await.map_err(failure)?);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The SDK asks again after the first two of these, if there is time.
fn failure(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_connect() || error.is_request() || error.is_body() {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), None)
    }
}
