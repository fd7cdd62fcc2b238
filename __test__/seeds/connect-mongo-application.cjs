// The application of an article about connect-mongo, as it stands there. What is changed, and why:
//
// - connect-mongo is imported from this package, which is what is tested.
// - The quotation marks are those of JavaScript; the article shows typographic ones.
// - The options of `session` have their braces, without which this is no JavaScript. The article
//   builds the call up in two steps; here is the second one.
// - Port and address come from the environment if they are there, so that tests can run side by side.

const express = require('express');
const session = require('express-session');
const MongoStore = require('mongodb-session-store/connect-mongo')(session);

const app = express();
app.listen(process.env.PORT ?? 4000, () => {
console.log("App listening on port 4000")
})

app.use(session({
secret: 'SECRET KEY',
resave: false,
saveUninitialized: true,
store: new MongoStore({
url: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/test-app', //YOUR MONGODB URL
ttl: 14 * 24 * 60 * 60,
autoRemove: 'native'
})
}))

app.get('/', (req,res,next) => {
req.session.user = {
uuid: '12234-2345-2323423'
} //THIS SETS AN OBJECT - 'USER'
req.session.save(err => {
if(err){
console.log(err);
} else {
res.send(req.session.user) // YOU WILL GET THE UUID IN A JSON FORMAT
}
}); //THIS SAVES THE SESSION.
})

app.get('/end', (req,res,next) => {
req.session.destroy(err => {
if(err){
console.log(err);
} else {
res.send('Session is destroyed')
}
}); //THIS DESTROYES THE SESSION.
})
