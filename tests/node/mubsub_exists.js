'use strict';
// mubsub takes "the channel exists" for a fatal error when it is worded as MongoDB 5 and 6 word it ("Collection x already
// exists."), so that every client but the one that makes the channel crashes at its start. With this it goes on:
//
//     node -r ./mubsub_exists.js your-program.js
const {Channel} = require('@nodebb/mubsub');

const NAMESPACE_EXISTS = 48;
const {emit} = Channel.prototype;

Channel.prototype.emit = function (event, what) {
  if (event !== 'error' || !what || what.code !== NAMESPACE_EXISTS) return emit.apply(this, arguments);
  this.collection = this.connection.db.collection(this.name);
  return emit.call(this, 'collection', this.collection);
};
