/* Calls of one client take turns at one lock: docs/adr/0027-turns.md, and the early releases of 0030-early-release.md, as
 * a model for spin. README.md beside this file says what is in it and how to read it; ./check runs it.
 *
 * There is no time in it: what ends a lease may happen at any time at which it may happen at all (handoff.pml has the
 * leases). Nothing happens for ever: so what nobody does at the end of a run is never done.
 *
 * -DBREAK=RULE leaves one rule out, at each BROKEN(RULE); -DBREAK=SEE_... claims that something cannot happen.
 */

#include "turns_options.pml"

/* ---- the document ---- */
#define ID(c, t) ((c) * TRIES + (t)) /* of an acquisition; 0 is nobody */
#define OWNER(id) (((id) - 1) / TRIES)

typedef document {
  bit fence; /* it is above the last token that a client got as a holder */
  byte holder;
  byte waiters;
  byte waiter[QUEUE]; /* first come first */
  bit gone[IDS + 1] /* tombstones */
}
document doc;
bit cut; /* no majority follows this primary any more: what it does from here on will be lost */
document safe; /* what the majority has, while `cut` */

/* ---- the clients ---- */
mtype = { IDLE, ASKING, QUEUED, HOLDING }; /* what acts: nothing, a call (ASKING: it has no answer yet), or a hold */
mtype = { NONE, SENT, SILENT, ANSWERED }; /* SILENT: carried out, and waits for a majority */
mtype = { ENQUEUE, HEARTBEAT, PASS };
mtype = { HELD, WAITS, NO_ENTRY, NOT_ASKED, REFUSED };
/* What is to be done for an acquisition that is over, until a majority has it. EARLY: a release that a primary has. */
mtype = { NOTHING, RELEASE, RELEASE_AGAIN, RELEASE_AND_BURY, CANCEL, BURY, EARLY };

typedef participant {
  mtype is = IDLE;
  byte call; /* that acts; they come in the order of their numbers */
  byte came; /* the last of its calls that began */
  byte waits; /* locally: a bit for each call */
  byte tries; /* the acquisition that acts is ID(c, tries) */
  bit doubt; /* a request of it went unanswered */
  bit mute, lingers, heir; /* for rules that are left out, and sights */
  bit dead;
  /* the command that it waits for */
  mtype phase = NONE;
  mtype op = ENQUEUE;
  byte passes; /* PASS: the try that it releases, */
  bit buries; /* of which a request went unanswered */
  mtype verdict = NO_ENTRY;
  mtype todo[TRIES + 1] = NOTHING;
  byte after /* while it stands in the queue: a bit for each client that must not have a turn before it (any more) */
}
participant client[CLIENTS];

/* A command whose client does not wait for it any more. */
bit late;
mtype late_op = ENQUEUE;
byte late_id, late_passes;

/* The entry of what acts at its client. */
#define ACTING(id) (client[OWNER(id)].is != IDLE && ID(OWNER(id), client[OWNER(id)].tries) == id)

byte faults = FAULTS, giveups = GIVEUPS;
#define MAY(kind) (kind && faults > 0)

/* ---- what must be true: each is asserted by its name; -DONLY=ITS_NAME leaves the others out ---- */
#ifndef ONLY
#define ONLY 0
#endif
#define EXCLUSIVE 1
#define TOKENS_RISE 2
#define NO_ORPHANS 3
#define SOMEBODY_ACTS 4
#define IN_ORDER 5
#define ONE_TURN_EACH 6
#define SERVED 7
#define LEFT_OUT(property) (ONLY && ONLY != property)
hidden byte exclusive; /* never do two clients believe that they hold */
hidden byte tokens_rise; /* the tokens of holders rise in the order in which they begin to believe */
hidden byte no_orphans; /* an entry of a living client is of what acts there, or the client is about to remove it */
hidden byte somebody_acts; /* nobody waits locally unless somebody acts */
hidden byte in_order; /* no call is served before an earlier one of its client */
hidden byte one_turn_each; /* who stands in the queue waits for one turn of each client before it, and of no other */
hidden byte served; /* at the end, all calls of living clients are over */

/* No part of a state. */
hidden byte i, j, k, n, next, when;
hidden byte found;
hidden mtype verdict;

#include "turns_server.pml"
#include "turns_client.pml"

/* ---- everything else ---- */

inline copy(to, from) {
  to.fence = from.fence;
  to.holder = from.holder;
  to.waiters = from.waiters;
  for (i : 0 .. QUEUE - 1) { to.waiter[i] = from.waiter[i] };
  for (i : 0 .. IDS) { to.gone[i] = from.gone[i] };
  skip
}

inline forget(d) {
  d.fence = 0;
  d.holder = 0;
  d.waiters = 0;
  for (i : 0 .. QUEUE - 1) { d.waiter[i] = 0 };
  for (i : 0 .. IDS) { d.gone[i] = 0 };
  skip
}

/* An entry ends. Not while its client believes that it holds; and if its client lives and waits for it, that is a fault. */
#define MAY_END(id) \
  (!ACTING(id) || (client[OWNER(id)].is != HOLDING && MAY(EXPIRIES)))

inline pay(id) {
  if
  :: ACTING(id) ->
    faults--;
    n = OWNER(id);
    /* a grant that came too late to be of use: it looks again */
    if :: client[n].phase == ANSWERED && client[n].verdict == HELD -> client[n].verdict = WAITS :: else fi
  :: else
  fi
}

active proctype the_world() {
  do
  :: d_step { doc.holder && MAY_END(doc.holder) ->
      printf("... the holder %d ends\n", doc.holder);
      pay(doc.holder);
      doc.holder = 0;
      admit() }
  :: d_step { doc.waiters > 0 && MAY_END(doc.waiter[0]) -> pay(doc.waiter[0]); remove_waiter(0) }
  :: d_step { doc.waiters > 1 && MAY_END(doc.waiter[1]) -> pay(doc.waiter[1]); remove_waiter(1) }

  :: d_step { late ->
      printf("... late: %e of client %d carried out\n", late_op, OWNER(late_id));
      assert(!(BROKEN(SEE_LATE_PASS) && late_op == PASS && doc.gone[late_id]));
      if
      :: late_op == RELEASE -> end_of(RELEASE, late_id)
      :: else -> transition(late_op, late_id, late_passes)
      fi;
      late = 0;
      late_op = ENQUEUE;
      late_id = 0;
      late_passes = 0;
      check() }

  :: d_step { MAY(STEPDOWNS) && !cut -> printf("... cut off\n"); faults--; cut = 1; copy(safe, doc) }
  :: d_step { cut ->
      printf("... stepdown\n");
      cut = 0;
      copy(doc, safe);
      forget(safe);
      for (n : 0 .. CLIENTS - 1) {
        if :: client[n].phase == SILENT -> unanswered(n) :: else fi
      };
      check() }

  :: timeout -> /* nothing can happen any more */
    d_step {
      for (n : 0 .. CLIENTS - 1) {
        served = ((client[n].is == IDLE && client[n].waits == 0) || LEFT_OUT(SERVED));
        assert(served)
      };
      skip };
progress: /* so no other run is without an end */
    skip
  od
}
