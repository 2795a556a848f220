/* One lock, its queue, and how it passes from one holder to the next: docs/protocol.md, as a model for spin.
 * README.md beside this file says what is in it and how to read it; ./check runs it.
 *
 * Time is in ticks and kept as distances from now, so it has no end: an `age` is how long ago, a `lag` how old a
 * command's idea of now is (the server fixes NOW before the command may stall), `ends` how far ahead.
 *
 * -DOBSERVED is a lock with observed expiry: NOW may be anything, so that nothing may depend on it; `ends` is how long
 * others have to watch the holder.
 *
 * -DBREAK=RULE leaves one rule out, at each BROKEN(RULE); -DBREAK=SEE_... claims that something cannot happen.
 */

/* ---- sizes ---- */
#ifndef CLIENTS
#define CLIENTS 3
#endif
#ifndef TRIES
#define TRIES 2 /* acquisitions of one client, fresh starts included */
#endif
#ifndef STARTS
#define STARTS (CLIENTS * TRIES) /* ... and of all */
#endif
#ifndef DELTA
#define DELTA 3 /* a whole lease */
#endif
#ifndef TERM
#define TERM 2 /* the lease of an heir that has not been heard of */
#endif
#ifndef LAG
#define LAG 2 /* a command is carried out so long after its NOW was fixed at the latest, or never */
#endif
#ifndef EVENTS
#define EVENTS 1 /* on their way at once */
#endif
#define QUEUE (CLIENTS + 2)

/* ---- what may go wrong: FAULTS in all, of the kinds that are 1. An event may be lost or late at any time. ---- */
#ifndef FAULTS
#define FAULTS 0
#endif
#ifndef SLOW
#define SLOW 0 /* a request and its answer take any time; other commands take none */
#endif
#ifndef STALLS
#define STALLS 0 /* a slow or late command waits on the server, with its NOW fixed */
#endif
#ifndef LATE
#define LATE 0 /* a command is carried out after its client has stopped waiting for it */
#endif
#ifndef LOSSES
#define LOSSES 0 /* a request or an answer is lost, or a client never sends what would end its acquisition */
#endif
#ifndef STEPDOWNS
#define STEPDOWNS 0 /* a primary loses what it did since the majority stopped following it */
#endif
#ifndef NAPS
#define NAPS 0 /* a client does nothing for a time, perhaps for ever (WAKING only: else nobody is ever in a hurry) */
#endif
#ifndef GIVEUPS
#define GIVEUPS 0 /* so often a client gives up an acquisition, which is no fault */
#endif

/* With WAKING, what is to be done is done in time, and the question is whether waiters sleep beside a free lock. */
#ifdef WAKING
#define PERIOD 1 /* a waiter sends a heartbeat at the latest so long after its last command */
#define LIFE 3 /* of a waiter's entry, after its last sign */
#define OUTAGE 1 /* a primary without a majority steps down after so long */
#ifndef PATIENCE
#define PATIENCE 4 /* so long may a lock be held by nobody and waited for */
#endif
#endif

/* ---- the rules that can be left out ---- */
#ifndef BREAK
#define BREAK NONE_OF_THEM
#endif
#define BROKEN(rule) (BREAK == rule)
#define NONE_OF_THEM 0
#define ANY_EVENT 1 /* an heir trusts an event for another of its acquisitions */
#define GIVEN_UP 2 /* ... or for one that it has given up */
#define FROM_RECEPTION 3 /* an heir counts its term from when it got the event */
#define WHOLE_LEASE 4 /* an heir that was not heard of counts on a whole lease */
#define ANCHOR_AT_ANSWER 5 /* an heir takes the time of the answer "queued" for that of its request */
#define ANNOUNCE_EARLY 6 /* heirs are told before a majority has their grant */
#define EARLY_ANSWERS 7 /* an answer counts before a majority has its write */
#define UNKNOWN_IS_HELD 8 /* a renewal without an answer counts */
#define LEASE_FROM_ANSWER 9 /* a lease counts from the answer, not from the request */
#define HELD_UNCHANGED 10 /* a command that finds itself holder answers so and renews nothing */
#define BACKWARDS 11 /* a stale NOW may move `until` back */
#define ENDS_EARLY 12 /* others end a lease before `until` */
#define NO_OWNER_CHECK 13 /* a release removes whoever holds */
#define SAME_TOKEN 14 /* a hand-off raises no token */
#define HEARTBEAT_APPENDS 15 /* a heartbeat without an entry makes one: tombstones are for requests */
#define NO_TOMBSTONE 16 /* an acquisition in doubt is cancelled without one */
#define RELEASED_IN_DOUBT 17 /* ... and released without one */
#define HALF_A_CANCEL 18 /* a cancel removes the waiter, but not the holder that it may be by now */
#define NO_HEARTBEAT 19 /* waiters rely on events */
#define HEARTBEAT_ADMITS_NOBODY 20
#define NEVER_ENDS 21 /* a holder that is not heard of stays */
#define NO_FRESH_START 22 /* a waiter without an entry waits on */
/* ... of observed expiry */
#define FROM_REQUEST 23 /* a waiter counts from when it asked, not from the answer that shows the holder's beat */
#define ANY_BEAT 24 /* a holder is expired without comparing its beat */
#define SAME_BEAT 25 /* a holder that is heard of keeps its beat */
#define NOW_ENDS 26 /* the server's clock ends a lease */
#define HEIR_BY_NOW 27 /* an heir counts from `since`, as if the server's clock had not jumped since it asked */
#define SHORT_WATCH 28 /* an heir that was heard of is watched for its first term only */
/* what must be possible, or the model shows nothing */
#define SEE_HEIR 30 /* an heir returns on an event alone, some time after it was admitted, and after a slow answer */
#define SEE_TOMBSTONE 31 /* a late request finds its tombstone */
#define SEE_ROLLBACK 32 /* a grant is lost with a primary */
#define SEE_STALE 33 /* a command with a stale NOW admits an heir */
#define SEE_EXPIRED 34 /* observed: a holder is expired */
#define SEE_SPARED 35 /* observed: ... or not, because it was heard of after the request was sent */

/* ---- the document ---- */
#define ID(c, t) ((c) * TRIES + (t)) /* of an acquisition; 0 is nobody */
#define OWNER(id) (((id) - 1) / TRIES)

typedef document {
  short fence; /* how far above the last one that a client got as a holder */
  byte holder;
  byte ends; /* `until`; LAG is now */
  bit announced;
  byte waiters;
  byte waiter[QUEUE]; /* first come first */
  byte seen[QUEUE]; /* ages */
  bit gone /* a tombstone for late_id; nobody can run into another one */
}
document doc;
bit cut; /* no majority follows this primary any more: what it does from here on will be lost */
document safe; /* what the majority has, while `cut` */

/* ---- the clients ---- */
mtype = { IDLE, ASKING, QUEUED, HOLDING, LEAVING }; /* ASKING: no answer yet. HOLDING: believes that it holds */
mtype = { ENQUEUE, HEARTBEAT, RENEW, RELEASE, CANCEL, BURY }; /* BURY: a cancel that leaves a tombstone */
mtype = { NONE, SENT, STALLED, SILENT, ANSWERED }; /* SILENT: carried out, and waits for a majority */
mtype = { HELD, WAITS, NO_ENTRY };
#define NO_ANCHOR TERM

typedef participant {
  mtype is = IDLE;
  byte tries; /* its acquisition is ID(_pid, tries) */
  byte left; /* HOLDING: of its lease, as it believes */
  byte offset; /* of the last answer "queued": from when its request was sent (the anchor) to `now` in it */
  bit doubt; /* a request of this acquisition went unanswered */
  /* the command that it waits for */
  mtype phase = NONE;
  mtype op = ENQUEUE;
  byte age; /* since it was sent; ANSWERED with WAITS: the offset */
  byte lag;
  mtype verdict = NO_ENTRY;
  byte token;
#ifdef OBSERVED
  /* the holder as it was seen: 0: not at all; 1: its time is over; else how long it has to be watched, plus 1 */
  byte span;
  bit same, same_safe; /* its beat is still that of the holder of doc, of safe */
  bit expires; /* the command asks for its end */
  byte shown; /* ANSWERED: how long the holder that the answer shows is to be watched, if it is another one or has another beat */
  bit shown_same, shown_safe;
#endif
#ifdef WAKING
  byte rest; /* since its last command */
  bit asleep
#endif
}
participant client[CLIENTS];

/* A command whose client does not wait for it any more. */
mtype late_phase = NONE, late_op = ENQUEUE;
byte late_id, late_lag;
bit late_closed; /* the end of its acquisition was acknowledged */
#ifdef OBSERVED
bit late_expires, late_same, late_same_safe;
hidden byte expiring; /* the command at hand names the holder, at the beat that it has */
#endif

typedef message { byte id; byte token; byte age } /* age: since `since` */
message event[EVENTS];

byte starts = STARTS, giveups = GIVEUPS;
byte faults = FAULTS;
#define MAY(kind) (kind && faults > 0)

#ifdef WAKING
byte outage, idle;
#endif

/* ---- what must be true: each is asserted by its name; -DONLY=ITS_NAME leaves the others out ---- */
#ifndef ONLY
#define ONLY 0
#endif
#define EXCLUSIVE 1
#define TOKENS_RISE 2
#define NO_GHOSTS 3
#define LEFT_OUT(property) (ONLY && ONLY != property)
hidden byte exclusive; /* never do two clients believe that they hold */
hidden byte tokens_rise; /* the tokens of holders rise in the order in which they begin to believe */
hidden byte no_ghosts; /* an acquisition whose end was acknowledged has no entry, ever again */
hidden byte awake; /* a lock that nobody holds is not waited for longer than PATIENCE */

/* No part of a state. */
hidden byte i, j, n, lag_max;
hidden short when, clock;
hidden byte flag;
hidden mtype verdict;

/* ---- the transition, as in src/protocol/transition.cpp; `ago` is the age of its NOW ---- */

inline find(who) { /* i: its place in the queue, or QUEUE */
  i = 0;
  do
  :: i < QUEUE && doc.waiter[i] != who -> i++
  :: else -> break
  od
}

inline remove_waiter(at) {
  for (j : at .. QUEUE - 2) {
    doc.waiter[j] = doc.waiter[j + 1];
    doc.seen[j] = doc.seen[j + 1]
  };
  doc.waiter[QUEUE - 1] = 0;
  doc.seen[QUEUE - 1] = 0;
  doc.waiters--
}

#ifdef OBSERVED
/* The holder of doc is another one, or has another beat. */
inline another_beat() {
  for (j : 0 .. CLIENTS - 1) {
    client[j].same = 0;
    client[j].shown_same = 0
  };
  late_same = 0
}

inline before_the_cut() { /* what is true of doc is true of safe */
  for (j : 0 .. CLIENTS - 1) {
    client[j].same_safe = client[j].same;
    client[j].shown_safe = client[j].shown_same
  };
  late_same_safe = late_same
}

inline after_the_stepdown() {
  for (j : 0 .. CLIENTS - 1) {
    client[j].same = client[j].same_safe;
    client[j].shown_same = client[j].shown_safe;
    client[j].same_safe = 0;
    client[j].shown_safe = 0
  };
  late_same = late_same_safe;
  late_same_safe = 0
}

#define EXPIRE(asks, is_same) \
  expiring = asks && (is_same || BROKEN(ANY_BEAT)) && doc.holder; \
  assert(!(BROKEN(SEE_EXPIRED) && expiring)); \
  assert(!(BROKEN(SEE_SPARED) && asks && !is_same && doc.holder))
#else
#define EXPIRE(asks, is_same)
#endif

inline remove_holder(d) {
  d.holder = 0;
  d.ends = 0;
  d.announced = 0
}

inline lose_holder() {
#ifdef OBSERVED
  another_beat();
#endif
  remove_holder(doc)
}

inline purge(ago) { /* the holder, if until <= NOW; waiters go elsewhere */
#ifdef OBSERVED
  if
  :: doc.holder && (expiring || BROKEN(NOW_ENDS)) && !BROKEN(NEVER_ENDS) -> lose_holder()
  :: else
  fi;
  expiring = 0
#else
  if
  :: doc.holder && doc.ends <= LAG - ago + (BROKEN(ENDS_EARLY) -> 1 : 0) && !BROKEN(NEVER_ENDS) -> remove_holder(doc)
  :: else
  fi
#endif
}

inline move_holder(ago) { /* until = max(until, NOW + delta) */
#ifdef OBSERVED
  if
  :: !BROKEN(HELD_UNCHANGED) ->
    if :: !BROKEN(SHORT_WATCH) -> doc.ends = DELTA :: else fi;
    if :: !BROKEN(SAME_BEAT) -> another_beat() :: else fi
  :: else
  fi;
#else
  when = LAG - ago + DELTA;
  if
  :: !BROKEN(HELD_UNCHANGED) && (when > doc.ends || BROKEN(BACKWARDS)) -> doc.ends = when
  :: else
  fi;
#endif
  doc.announced = 1
}

inline apply(what, who, ago) {
  find(who);
  if
  :: what == ENQUEUE || what == HEARTBEAT ->
    if
    :: doc.holder == who -> move_holder(ago)
    :: doc.holder != who && i < QUEUE -> /* seen = max(seen, NOW) */
      if :: ago < doc.seen[i] -> doc.seen[i] = ago :: else fi
    :: doc.holder != who && i == QUEUE && (what == ENQUEUE || BROKEN(HEARTBEAT_APPENDS)) ->
      if
      :: doc.gone && who == late_id && what == ENQUEUE -> assert(!BROKEN(SEE_TOMBSTONE))
      :: else ->
        assert(doc.waiters < QUEUE);
        doc.waiter[doc.waiters] = who;
        doc.seen[doc.waiters] = ago;
        doc.waiters++
      fi
    :: else
    fi
  :: what == RENEW -> move_holder(ago)
  :: what == RELEASE -> lose_holder()
  :: what == CANCEL || what == BURY ->
    if :: doc.holder == who && !BROKEN(HALF_A_CANCEL) -> lose_holder() :: else fi;
    if :: i < QUEUE -> remove_waiter(i) :: else fi;
    if :: what == BURY && who == late_id && !BROKEN(NO_TOMBSTONE) -> doc.gone = 1 :: else fi
  fi
}

inline admit(who, ago) { /* the head of the queue */
  if
  :: doc.holder == 0 && doc.waiters > 0 ->
    flag = (doc.waiter[0] == who); /* by its own command */
    assert(!(BROKEN(SEE_STALE) && ago > doc.seen[0] && !flag));
    when = LAG - (ago < doc.seen[0] -> ago : doc.seen[0]); /* since = max(NOW, seen) */
    doc.holder = doc.waiter[0];
#ifdef OBSERVED
    another_beat();
    doc.ends = (flag -> DELTA : TERM);
#else
    doc.ends = when + (flag -> DELTA : TERM);
#endif
    doc.announced = flag;
#ifndef WAKING
    if :: flag || !BROKEN(SAME_TOKEN) -> doc.fence++ :: else fi;
    assert(doc.fence < 100); /* tokens are bytes elsewhere */
#endif
    remove_waiter(0)
  :: else
  fi
}

inline transition(what, who, ago) {
  verdict = NO_ENTRY;
  if
#ifdef OBSERVED
  :: what == RENEW && doc.holder != who
#else
  :: what == RENEW && (doc.holder != who || doc.ends <= LAG - ago) /* finds no document */
#endif
  :: what == RELEASE && doc.holder != who && !BROKEN(NO_OWNER_CHECK)
  :: else ->
    if :: what != RENEW -> purge(ago) :: else fi;
    apply(what, who, ago);
    if :: what != RENEW && !(what == HEARTBEAT && BROKEN(HEARTBEAT_ADMITS_NOBODY)) -> admit(who, ago) :: else fi;
    find(who);
    if
    :: doc.holder == who -> verdict = HELD
    :: doc.holder != who && i < QUEUE -> verdict = WAITS
    :: else
    fi
  fi
}

inline check_ghosts(who) {
  find(who);
  no_ghosts = ((doc.holder != who && i == QUEUE) || LEFT_OUT(NO_GHOSTS));
  assert(no_ghosts)
}

/* ---- a client ---- */
#define ME client[_pid]
#define MY_ID ID(_pid, ME.tries)

inline drop_event(e) {
  event[e].id = 0;
  event[e].token = 0;
  event[e].age = 0
}

/* Those that can mean nothing to their heir any more. */
inline drop_events(c) {
  for (i : 0 .. EVENTS - 1) {
    if
    :: event[i].id && OWNER(event[i].id) == c && !BROKEN(ANY_EVENT) && !BROKEN(GIVEN_UP) -> drop_event(i)
    :: else
    fi
  }
}

inline forget_command(c) {
  client[c].phase = NONE;
  client[c].age = 0;
  client[c].lag = 0;
  client[c].verdict = NO_ENTRY;
  client[c].token = 0;
#ifdef OBSERVED
  client[c].expires = 0;
  client[c].shown = 0;
  client[c].shown_same = 0;
  client[c].shown_safe = 0;
#endif
  if :: client[c].is != LEAVING -> client[c].op = ENQUEUE :: else fi
}

inline watch_nobody(c) {
#ifdef OBSERVED
  client[c].span = 0;
  client[c].same = 0;
  client[c].same_safe = 0;
  client[c].expires = 0
#else
  skip
#endif
}

inline believe(c, time, its_token) {
  printf("t=%d client %d: holds, for %d\n", clock, c, time);
  exclusive = 1;
  for (j : 0 .. CLIENTS - 1) {
    exclusive = exclusive && (j == c || client[j].is != HOLDING)
  };
  exclusive = exclusive || LEFT_OUT(EXCLUSIVE);
  assert(exclusive);
#ifndef WAKING
  tokens_rise = (its_token > 0 || LEFT_OUT(TOKENS_RISE));
  assert(tokens_rise);
  doc.fence = doc.fence - its_token; /* it is the last one now */
  if :: cut -> safe.fence = safe.fence - its_token :: else fi;
  for (j : 0 .. CLIENTS - 1) {
    client[j].token = (client[j].token > its_token -> client[j].token - its_token : 0)
  };
  for (j : 0 .. EVENTS - 1) {
    event[j].token = (event[j].token > its_token -> event[j].token - its_token : 0)
  };
#endif
#ifdef WAKING
  idle = 0;
#endif
  drop_events(c);
  watch_nobody(c);
  client[c].is = HOLDING;
  client[c].left = time;
  client[c].offset = 0
}

inline over(c) { /* with this acquisition */
  drop_events(c);
  watch_nobody(c);
  client[c].is = IDLE;
  client[c].left = 0;
  client[c].offset = 0;
  client[c].doubt = 0
}

/* What it waited for may have been carried out, or may be yet. */
inline unanswered(c) {
  printf("t=%d client %d: no answer\n", clock, c);
  if
  :: client[c].is == ASKING || client[c].is == QUEUED ->
    client[c].doubt = 1;
    client[c].offset = NO_ANCHOR;
    drop_events(c)
  :: client[c].is == HOLDING && client[c].op == RENEW && BROKEN(UNKNOWN_IS_HELD) ->
    client[c].left = DELTA - client[c].age
  :: else
  fi;
  forget_command(c)
}

/* Carried out. If a majority has it, the answer is on its way. */
inline carried_out(c) {
  if
  :: client[c].is == IDLE -> forget_command(c) /* nobody reads it */
  :: client[c].is != IDLE && cut && !BROKEN(EARLY_ANSWERS) ->
    client[c].phase = SILENT;
    client[c].age = 0;
    client[c].lag = 0
  :: else ->
    client[c].phase = ANSWERED;
    client[c].verdict = verdict;
    if
    :: verdict == HELD -> client[c].token = (doc.fence > 0 && client[c].is != HOLDING -> doc.fence : 0)
    :: verdict == WAITS -> /* NOW was `lag` ago */
#ifdef OBSERVED
      if
      :: !(client[c].span && client[c].same) && doc.holder ->
        client[c].shown = doc.ends;
        client[c].shown_same = 1
      :: else
      fi
#else
      client[c].age = (BROKEN(ANCHOR_AT_ANSWER) -> client[c].lag : client[c].age - client[c].lag)
#endif
    :: verdict == NO_ENTRY -> client[c].age = 0
    fi;
    client[c].lag = 0
  fi
}

inline leave(how) { /* from now on it does not believe; it may take any time until it says so to the server */
  drop_events(_pid);
  watch_nobody(_pid);
  ME.is = LEAVING;
  ME.left = 0;
  ME.offset = 0;
  ME.op = how;
  forget_command(_pid)
}

inline left_it() { /* the end of its acquisition was acknowledged */
  check_ghosts(MY_ID);
  if :: late_id == MY_ID -> late_closed = 1 :: else fi;
  over(_pid);
  forget_command(_pid)
}

inline read_answer() {
#ifdef OBSERVED
  if
  :: ME.shown && (ME.is == ASKING || ME.is == QUEUED) ->
    ME.span = ME.shown + 1;
    if
    :: BROKEN(FROM_REQUEST) -> ME.span = (ME.age < ME.shown -> ME.span - ME.age : 1)
    :: else
    fi;
    ME.same = ME.shown_same;
    ME.same_safe = ME.shown_safe
  :: else
  fi;
#endif
  verdict = ME.verdict;
  when = ME.age;
  n = ME.token;
  if
  :: ME.is == LEAVING ->
    if
    :: ME.op == RELEASE && ME.doubt && !BROKEN(RELEASED_IN_DOUBT) -> leave(BURY)
    :: else -> left_it()
    fi
  :: else ->
    forget_command(_pid);
    if
    :: verdict == HELD && when < DELTA && ME.is != HOLDING ->
      believe(_pid, (BROKEN(LEASE_FROM_ANSWER) -> DELTA : DELTA - when), n)
    :: verdict == HELD && when < DELTA && ME.is == HOLDING ->
      if :: DELTA - when > ME.left -> ME.left = DELTA - when :: else fi
    :: verdict == HELD && when >= DELTA -> /* too late to be of use: looks again */
      if :: ME.is != HOLDING -> ME.is = QUEUED; ME.offset = NO_ANCHOR :: else fi
    :: verdict == WAITS -> /* a holder knows better by now */
      if
      :: ME.is != HOLDING ->
        ME.is = QUEUED;
        ME.offset = (when < NO_ANCHOR && !ME.doubt -> when : NO_ANCHOR)
      :: else
      fi
    :: verdict == NO_ENTRY && !(ME.is == QUEUED && BROKEN(NO_FRESH_START)) -> /* lost, or again with a fresh id */
      if
      :: ME.is != HOLDING && ME.doubt -> leave(BURY)
      :: else -> over(_pid)
      fi
    :: verdict == NO_ENTRY && ME.is == QUEUED && BROKEN(NO_FRESH_START)
    fi
  fi
}

/* How long an heir may believe that an event made it the holder. It starts at `since` on its own clock, which is the
 * anchor + (since - now in the answer) and so never after the `since` of the server. */
#ifdef OBSERVED /* it starts at the anchor, whose age the offset is: the server's times mean nothing */
#define LEFT(e) (BROKEN(FROM_RECEPTION) -> TERM : (BROKEN(HEIR_BY_NOW) -> TERM - event[e].age : TERM - ME.offset))
#else
#define LEFT(e) \
  (BROKEN(FROM_RECEPTION) -> TERM : \
  (BROKEN(WHOLE_LEASE) -> DELTA - event[e].age - ME.offset : \
  (BROKEN(ANCHOR_AT_ANSWER) -> TERM - event[e].age + ME.offset : \
  TERM - event[e].age - ME.offset)))
#endif
#define FOR_ME(e) (event[e].id && (event[e].id == MY_ID || (BROKEN(ANY_EVENT) && OWNER(event[e].id) == _pid)))
#define INHERITS(e) \
  (FOR_ME(e) && LEFT(e) > 0 && \
  ((ME.is == QUEUED && !ME.doubt && ME.offset != NO_ANCHOR) || \
   (BROKEN(GIVEN_UP) && ME.is == IDLE)))

inline inherit(e) {
  assert(!(BROKEN(SEE_HEIR) && event[e].age > 0 && ME.offset > 0));
  n = event[e].token;
  when = LEFT(e);
  drop_event(e);
  believe(_pid, when, n)
}

inline send(what) {
  ME.op = what;
  ME.phase = SENT;
#ifdef OBSERVED
  ME.expires = (what == HEARTBEAT && ME.span == 1);
#endif
#ifdef WAKING
  ME.rest = 0
#endif
}

inline hand_over(where) { /* its command is nobody's now */
  faults--;
  late_phase = where;
  late_op = ME.op;
  late_id = MY_ID;
#ifdef OBSERVED
  late_expires = ME.expires;
  late_same = ME.same && ME.expires;
  late_same_safe = ME.same_safe && ME.expires;
#endif
  late_lag = ME.lag
}

#ifdef WAKING
#define MAY_START true /* for ever, with old ids: there are no late commands */
#define PLAN ME.tries = ME.tries % TRIES + 1
#else
/* Clients are alike, so they may as well start in order. */
#define MAY_START (starts > 0 && ME.tries < TRIES && (_pid == 0 || client[_pid - 1].tries > 0))
#define PLAN starts--; ME.tries++
#endif
#define NOT_COMING (ME.phase == NONE || ME.phase == SILENT || ME.phase == ANSWERED) /* it was carried out already */
#define COMING (ME.phase == SENT || ME.phase == STALLED)

active [CLIENTS] proctype a_client()
#ifdef WAKING
  provided (!client[_pid].asleep)
#endif
{
  do
  :: atomic {
      if /* which command */
      :: d_step { ME.is == IDLE && ME.phase == NONE && MAY_START ->
          PLAN;
          ME.is = ASKING;
          ME.offset = NO_ANCHOR;
          send(ENQUEUE) }
      :: d_step { ME.is == ASKING && ME.phase == NONE -> send(ENQUEUE) } /* again, with the same id */
      :: d_step { ME.is == QUEUED && ME.phase == NONE && !BROKEN(NO_HEARTBEAT) -> send(HEARTBEAT) }
      :: d_step { ME.is == HOLDING && ME.phase == NONE && ME.left < DELTA -> send(RENEW) }
      :: d_step { ME.is == LEAVING && ME.phase == NONE -> send(ME.op) }
      fi;
      printf("t=%d client %d: sends %e\n", clock, _pid, ME.op);
      if /* and how it fares */
      :: d_step { true ->
          EXPIRE(ME.expires, ME.same);
          transition(ME.op, MY_ID, 0);
          carried_out(_pid);
          if :: ME.phase == ANSWERED -> read_answer() :: else fi }
      :: d_step { MAY(SLOW) && ME.is != LEAVING -> faults--; printf("... slowly\n") }
      :: d_step { MAY(LOSSES) -> faults--; unanswered(_pid) } /* the request is lost, */
      :: d_step { MAY(LOSSES) -> /* or the answer */
          faults--;
          EXPIRE(ME.expires, ME.same);
          transition(ME.op, MY_ID, 0);
          unanswered(_pid) }
      :: d_step { MAY(LATE) && late_phase == NONE -> hand_over(SENT); unanswered(_pid) }
      fi }

  /* a slow command */
  :: d_step { ME.phase == SENT && MAY(STALLS) ->
      printf("t=%d client %d: %e stalls\n", clock, _pid, ME.op);
      faults--;
      ME.phase = STALLED }
  :: d_step { COMING ->
      printf("t=%d client %d: %e carried out, NOW is %d ago\n", clock, _pid, ME.op, ME.lag);
      EXPIRE(ME.expires, ME.same);
      transition(ME.op, MY_ID, ME.lag);
      carried_out(_pid) }
  :: d_step { ME.phase == ANSWERED -> printf("t=%d client %d: %e answered\n", clock, _pid, ME.op); read_answer() }
  :: d_step { COMING && MAY(LATE) && late_phase == NONE -> hand_over(ME.phase); unanswered(_pid) }
  :: d_step { ME.phase == SILENT && MAY(LOSSES) -> faults--; unanswered(_pid) }

  /* what it does for reasons of its own */
  :: d_step { ME.is == HOLDING && NOT_COMING -> printf("t=%d client %d: leaves\n", clock, _pid); leave(RELEASE) }
  :: d_step { (ME.is == ASKING || ME.is == QUEUED) && NOT_COMING && giveups > 0 ->
      printf("t=%d client %d: gives up\n", clock, _pid);
      giveups--;
      if
      :: ME.doubt || ME.phase != NONE -> ME.doubt = 1; leave(BURY)
      :: else -> leave(CANCEL)
      fi }
  :: d_step { ME.is == LEAVING && NOT_COMING && MAY(LATE) && late_phase == NONE -> /* in the background, once */
      hand_over(SENT);
      over(_pid);
      forget_command(_pid) }
  :: d_step { ME.is == LEAVING && NOT_COMING && MAY(LOSSES) -> /* not at all */
      faults--;
      over(_pid);
      forget_command(_pid) }

  :: d_step { INHERITS(0) -> inherit(0) }
#if EVENTS > 1
  :: d_step { INHERITS(1) -> inherit(1) }
#endif
  od
}

/* ---- everything else ---- */

inline late_over() {
  late_phase = NONE;
  late_op = ENQUEUE;
  late_id = 0;
  late_lag = 0;
  late_closed = 0;
#ifdef OBSERVED
  late_expires = 0;
  late_same = 0;
  late_same_safe = 0;
#endif
  doc.gone = 0;
  safe.gone = 0
}

/* A tick for a document. An entry that has ended for every command that can still come is taken out at once. */
inline pass(d) {
#ifndef OBSERVED
  if
  :: d.holder && d.ends > LAG - lag_max + 1 -> d.ends--
  :: d.holder && d.ends <= LAG - lag_max + 1 && !BROKEN(NEVER_ENDS) -> remove_holder(d)
  :: else
  fi;
#endif
  i = 0;
  do
  :: i < d.waiters ->
#ifdef WAKING
    d.seen[i]++;
#elif defined(OBSERVED)
    d.seen[i] = 0; /* it means nothing */
#else
    d.seen[i] = (d.seen[i] < lag_max -> d.seen[i] + 1 : lag_max); /* older than any NOW */
#endif
    i++
  :: else -> break
  od;
  skip
}

#ifdef WAKING
inline end_waiters(d) {
  i = 0;
  do
  :: i < d.waiters && d.seen[i] >= LIFE ->
    for (j : i .. QUEUE - 2) {
      d.waiter[j] = d.waiter[j + 1];
      d.seen[j] = d.seen[j + 1]
    };
    d.waiter[QUEUE - 1] = 0;
    d.seen[QUEUE - 1] = 0;
    d.waiters--
  :: i < d.waiters && d.seen[i] < LIFE -> i++
  :: else -> break
  od;
  skip
}
#endif

#ifdef OBSERVED
#define KEEPS_AGE true
#else
#define KEEPS_AGE BROKEN(ANCHOR_AT_ANSWER)
#endif

inline tick() {
  clock++;
  lag_max = (MAY(STALLS) || late_phase == STALLED -> LAG : 0);
  for (n : 0 .. CLIENTS - 1) {
    if :: client[n].phase == STALLED -> lag_max = LAG :: else fi
  };
  for (n : 0 .. CLIENTS - 1) {
    if
    :: client[n].is == HOLDING && client[n].left > 1 -> client[n].left--
    :: client[n].is == HOLDING && client[n].left <= 1 -> /* its watch says: lost */
      printf("t=%d client %d: lost\n", clock, n);
      over(n);
      if :: client[n].phase == ANSWERED || client[n].phase == SILENT -> forget_command(n) :: else fi
    :: else
    fi;
    if
    :: client[n].phase == SENT || client[n].phase == STALLED ||
        (client[n].phase == ANSWERED && (client[n].verdict == HELD || KEEPS_AGE)) ->
      if :: client[n].is != IDLE && client[n].age < DELTA + lag_max -> client[n].age++ :: else fi
    :: else
    fi;
    if
    :: client[n].phase == STALLED && client[n].lag < LAG -> client[n].lag++
    :: client[n].phase == STALLED && client[n].lag >= LAG -> unanswered(n)
    :: else
    fi
  };
  if
  :: late_phase == STALLED && late_lag < LAG -> late_lag++
  :: late_phase == STALLED && late_lag >= LAG -> late_over()
  :: else
  fi;
#ifdef OBSERVED
  for (n : 0 .. CLIENTS - 1) {
    if :: client[n].span > 1 -> client[n].span-- :: else fi;
    if :: client[n].is == QUEUED && client[n].offset < NO_ANCHOR -> client[n].offset++ :: else fi
  };
#endif
  for (n : 0 .. EVENTS - 1) {
    if
    :: event[n].id && event[n].age < TERM - 1 -> event[n].age++
    :: event[n].id && event[n].age >= TERM - 1 -> drop_event(n) /* that term is over */
    :: else
    fi
  };
  pass(doc);
  if :: cut -> pass(safe) :: else fi;
#ifdef WAKING
  end_waiters(doc);
  end_waiters(safe)
#endif
}

#ifdef WAKING
#define IN_TIME(c) \
  (client[c].asleep || client[c].phase == SILENT || \
  (client[c].phase == NONE && \
   (client[c].is == IDLE || client[c].is == HOLDING || \
    (client[c].is == QUEUED && (client[c].rest < PERIOD || BROKEN(NO_HEARTBEAT))))))
#if CLIENTS == 2
#define ALL_IN_TIME (IN_TIME(0) && IN_TIME(1))
#else
#define ALL_IN_TIME (IN_TIME(0) && IN_TIME(1) && IN_TIME(2))
#endif
#define TICKS (ALL_IN_TIME && !(cut && outage == OUTAGE))

inline watch() {
  flag = 0;
  when = 0;
  for (n : 0 .. CLIENTS - 1) {
    flag = flag || client[n].is == HOLDING;
    if
    :: (client[n].is == QUEUED || client[n].is == ASKING) && !client[n].asleep -> when = 1
    :: else
    fi;
    if
    :: client[n].is == QUEUED && !client[n].asleep && client[n].rest < PERIOD -> client[n].rest++
    :: else
    fi
  };
  idle = (when && !flag -> idle + 1 : 0);
  if
  :: idle > 0 -> printf("t=%d nobody holds, and somebody waits\n", clock)
  :: else
  fi;
  awake = (idle <= PATIENCE);
  assert(awake);
  if :: cut -> outage++ :: else fi
}
#else
#define TICKS true
#endif

#ifdef OBSERVED
#define SINCE 0
#else
#define SINCE (LAG + TERM - doc.ends) /* an age; the holder is not announced */
#endif
#define HEIR client[OWNER(doc.holder)]
#define CAN_MEAN_SOMETHING \
  (BROKEN(ANY_EVENT) || (doc.holder == ID(OWNER(doc.holder), HEIR.tries) && \
    (HEIR.is == ASKING || HEIR.is == QUEUED) && !HEIR.doubt))
/* Whoever learns of an heir tells it, perhaps, and perhaps more than once. What it has learned, a majority has. */
#define ANNOUNCES(e) \
  (!event[e].id && doc.holder && !doc.announced && SINCE < TERM && (!cut || BROKEN(ANNOUNCE_EARLY)) && \
   CAN_MEAN_SOMETHING)

inline announce(e) {
  printf("t=%d client %d is told\n", clock, OWNER(doc.holder));
  event[e].id = doc.holder;
  event[e].token = (doc.fence > 0 -> doc.fence : 0);
  event[e].age = SINCE
}

inline copy(to, from) {
  to.fence = from.fence;
  to.holder = from.holder;
  to.ends = from.ends;
  to.announced = from.announced;
  to.waiters = from.waiters;
  to.gone = from.gone;
  for (i : 0 .. QUEUE - 1) {
    to.waiter[i] = from.waiter[i];
    to.seen[i] = from.seen[i]
  };
  skip
}

#ifdef OBSERVED
#define CUT before_the_cut()
#define STEPDOWN after_the_stepdown()
#else
#define CUT skip
#define STEPDOWN skip
#endif

active proctype the_world() {
  do
  :: d_step { TICKS ->
#ifdef WAKING
      watch();
#endif
      tick() }

#ifdef WAKING
  :: d_step { MAY(NAPS) && !client[0].asleep -> faults--; client[0].asleep = 1 }
  :: d_step { MAY(NAPS) && !client[1].asleep -> faults--; client[1].asleep = 1 }
#if CLIENTS > 2
  :: d_step { MAY(NAPS) && !client[2].asleep -> faults--; client[2].asleep = 1 }
#endif
  :: d_step { client[0].asleep -> client[0].asleep = 0 }
  :: d_step { client[1].asleep -> client[1].asleep = 0 }
#if CLIENTS > 2
  :: d_step { client[2].asleep -> client[2].asleep = 0 }
#endif
#else
  /* A waiter's entry may end at any time: how long it lives means nothing for safety. */
  :: d_step { doc.waiters > 0 -> remove_waiter(0) }
  :: d_step { doc.waiters > 1 -> remove_waiter(1) }
  :: d_step { doc.waiters > 2 -> remove_waiter(2) }
#endif

  :: d_step { late_phase == SENT && MAY(STALLS) -> faults--; late_phase = STALLED }
  :: d_step { late_phase != NONE ->
      printf("t=%d late: %e of client %d carried out, NOW is %d ago\n", clock, late_op, OWNER(late_id), late_lag);
      EXPIRE(late_expires, late_same);
      transition(late_op, late_id, late_lag);
      if :: late_closed -> check_ghosts(late_id) :: else fi;
      late_over() }

  :: d_step { ANNOUNCES(0) -> announce(0) }
#if EVENTS > 1
  :: d_step { !ANNOUNCES(0) && ANNOUNCES(1) && event[0].id != doc.holder -> announce(1) }
#endif

  :: d_step { MAY(STEPDOWNS) && !cut -> printf("t=%d cut off\n", clock); faults--; cut = 1; copy(safe, doc); CUT }
  :: d_step { cut ->
      printf("t=%d stepdown\n", clock);
      assert(!BROKEN(SEE_ROLLBACK) || doc.fence <= safe.fence);
      cut = 0;
      copy(doc, safe);
      STEPDOWN;
      safe.fence = 0;
      remove_holder(safe);
      safe.waiters = 0;
      safe.gone = 0;
      for (i : 0 .. QUEUE - 1) {
        safe.waiter[i] = 0;
        safe.seen[i] = 0
      };
      for (n : 0 .. CLIENTS - 1) {
        if
        :: client[n].phase == STALLED || client[n].phase == SILENT -> unanswered(n)
        :: else
        fi
      };
#ifdef WAKING
      outage = 0;
#endif
      if :: late_phase == STALLED -> late_over() :: else fi }
  od
}
