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

#include "handoff_options.pml"

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

#include "handoff_server.pml"
#include "handoff_client.pml"

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
