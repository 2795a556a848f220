/* Part of handoff.pml: what a client does. */

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
