// The example of an article about express-session, as it stands there. What is changed, and why:
//
// - It gets a store, which is what is tested: the import of it, and the option `store`.
// - Express has the parsers of body-parser itself by now.
// - Port and address come from the environment if they are there, so that tests can run side by side.

const express = require('express');
const session = require('express-session');
const { MongoSessionStore } = require('mongodb-session-store');
const app = express();
app.set('trust proxy', 1)
app.use(session({
  secret: 'secret',
  resave: true,
  store: new MongoSessionStore({ uri: process.env.MONGODB_URI }),
  cookie: {
    maxAge: 24 * 60 * 60 * 365 * 1000
  }
}))
app.use(express.json());
app.use(express.urlencoded({ extended: true }));
app.get('/', (req, res) => {
  if (req.session.views) {
    req.session.views++;
  }
  else {
    req.session.views = 1;
  }
  res.send(`${req.session.views} views`);
})
app.listen(process.env.PORT ?? 3000);
