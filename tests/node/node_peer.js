'use strict';
// A client of mongo-dlock, as far as others can tell: its commands on the collection, and mubsub.
//
//     node_peer.js VERSION URL DB NOTIF_URL CHANNEL
//
// VERSION is 1 or 2; CHANNEL may be "" for none. Reads commands, one a line, each with a number, and writes what came of them
// as JSON with that number:
//
//     N lock ID TTL            whether it got it
//     N wait ID TTL PERIOD     true once it got it: it tries again on an unlock event, and every PERIOD ms
//     N unlock ID              whether there was something to unlock
//     N refresh ID TTL         the same
//     N subscribe [ID]         true once mubsub listens; from then on {"event", "message"} for each event of ID, or of all
//     N publish EVENT JSON     any event
//     N insert JSON            any document into the channel
const readline = require('readline');
const mubsub = require('@nodebb/mubsub');
const {MongoClient} = mubsub.mongodb;

const [version, url, db, notifUrl, channelName] = process.argv.slice(2);
const DUPLICATE_KEY = 11000;
const write = what => process.stdout.write(JSON.stringify(what) + '\n');

let locks;    // the collection
let channel;  // undefined: no notifications

const later = ttl => new Date(Date.now() + Number(ttl));

async function announce(id, locked) {
  if (version === '1' && channel) await new Promise(done => channel.publish(id, {id, locked}, done));
}

async function lock(id, ttl) {
  const now = new Date();
  const [free, set] = version === '1'
    ? [{_id: id, $or: [{lockd: false}, {et: {$lt: now}}]}, {lockd: true, ct: now, et: later(ttl)}]
    : [{_id: id, et: {$lt: now}}, {ct: now, et: later(ttl)}];
  try {
    await locks.updateOne(free, {$set: set}, {upsert: true});
  } catch (error) {
    if (error.code === DUPLICATE_KEY) return false;
    throw error;
  }
  await announce(id, true);
  return true;
}

async function unlock(id) {
  const done = await locks.deleteOne(version === '1' ? {_id: id, lockd: true} : {_id: id});
  if (done.deletedCount === 1) await announce(id, false);
  return done.deletedCount === 1;
}

async function refresh(id, ttl) {
  const done = version === '1'
    ? await locks.updateOne({_id: id, lockd: true}, {$set: {et: later(ttl)}})
    : await locks.updateOne({_id: id}, {$set: {et: later(ttl)}}, {upsert: true});
  return done.matchedCount === 1;
}

async function wait(id, ttl, period) {
  let missed = false;  // an unlock event came while a try was under way
  let wake = () => { missed = true; };
  const heard = message => { if (!message.locked) wake(); };
  if (channel) channel.on(id, heard);
  const pause = () => new Promise(done => {
    const asleep = wake;
    const timer = setTimeout(() => wake(), Number(period));
    wake = () => { clearTimeout(timer); wake = asleep; done(); };
    if (missed) wake();
    missed = false;
  });
  while (!await lock(id, ttl)) await pause();
  if (channel) channel.removeListener(id, heard);
  return true;
}

const rest = (words, from) => JSON.parse(words.slice(from).join(' '));

const commands = {
  lock: ([id, ttl]) => lock(id, ttl),
  wait: ([id, ttl, period]) => wait(id, ttl, period),
  unlock: ([id]) => unlock(id),
  refresh: ([id, ttl]) => refresh(id, ttl),
  subscribe: ([id]) => {
    if (id) channel.subscribe(id, message => write({event: id, message}));
    else channel.subscribe(message => write({event: 'message', message}));
    return true;
  },
  publish: words => new Promise((resolve, reject) =>
    channel.publish(words[0], rest(words, 1), error => error ? reject(error) : resolve(true))),
  insert: async words => { await channel.listening.insertOne(rest(words, 0)); return true; },
};

async function start() {
  const client = await MongoClient.connect(url);
  locks = client.db(db).collection('dlocks');
  if (channelName) {
    channel = mubsub(notifUrl).channel(channelName);
    await new Promise(ready => channel.once('ready', ready));
  }
  write({ready: true});
  for await (const line of readline.createInterface({input: process.stdin})) {
    const [n, verb, ...words] = line.split(' ');
    Promise.resolve(commands[verb](words)).then(
      result => write({n: Number(n), result}),
      error => write({n: Number(n), result: 'error', why: String(error)}));
  }
  process.exit(0);
}

start();
