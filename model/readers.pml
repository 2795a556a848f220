/* Readers and writers of one client at one lock, and the order in which they are served: docs/adr/0027-turns.md.
 *
 * The calls come in the order of their numbers. Each wants the lock alone (a writer) or together with others (a reader). Of
 * the writers, one acts. Readers have entries of their own. Requests of one client may arrive in any order. Call 0 is
 * another client, which holds the lock at first.
 *
 * Property in_order: no call is served before an earlier writer. There is one exception: the writer's entry has ended, and
 * its client had not learned it when the other call asked.
 * Property served: when nothing can happen any more, all calls are over.
 *
 *   CALLS       so many
 *   FAULTS      so many requests are lost, or entries of waiters end
 *   BREAK       a rule that is left out, or something that is claimed to be impossible
 */
#ifndef CALLS
#define CALLS 4
#endif
#ifndef FAULTS
#define FAULTS 1
#endif

#ifndef BREAK
#define BREAK 0
#endif
#define BROKEN(rule) (BREAK == rule)
#define NO_PLACE_YET 1   /* a reader asks although the writer that acts has no place in the queue yet */
#define PLACE_FOREVER 2  /* ... or has none any more */
#define PASSES_LOCALS 3  /* ... or although others wait locally */
#define NO_TURNS 4       /* a writer asks although another acts */
#define SEE_TOGETHER 30  /* two readers hold at once */
#define SEE_BEHIND 31    /* a reader asks while a writer of its client stands in the queue */

mtype = { COMING, LOCAL, ASKING, QUEUED, HOLDING, LEAVING, OVER };
mtype = { NONE, SENT, HELD, WAITS };

typedef participant {
  mtype is = COMING;
  mtype phase = NONE;  /* of its request; and its answer */
  bit writes;
  bit had_place;
  byte lost_to         /* a bit for each call that had asked when this one learned that its entry had ended */
}
participant call[CALLS + 1];
bit holds[CALLS + 1];  /* on the server */
byte waiter[CALLS + 1]; /* first come first */
byte waiters;
byte faults = FAULTS;
hidden byte i, j, k, n, flag, in_order, served;

#define ME call[_pid]
#define ASKS(c) (call[c].is == ASKING || call[c].is == QUEUED)
#define ACTS(c) (call[c].writes && (ASKS(c) || call[c].is == HOLDING))
#define HAS_PLACE(c) (call[c].is != ASKING || (BROKEN(PLACE_FOREVER) && call[c].had_place))

/* ---- the server ---- */

#define STANDS(c) (waiter[0] == c || waiter[1] == c || waiter[2] == c || waiter[CALLS - 1] == c)

inline find(c) { /* i: its place in the queue, or more than CALLS */
  i = 0;
  do
  :: i <= CALLS && waiter[i] != c -> i++
  :: else -> break
  od
}

inline remove_waiter(at) {
  for (j : at .. CALLS - 1) { waiter[j] = waiter[j + 1] };
  waiter[CALLS] = 0;
  waiters--
}

inline admit() {
  do
  :: n = 0;
    for (j : 0 .. CALLS) { n = n + (holds[j] -> (call[j].writes -> CALLS : 1) : 0) };
    if
    :: waiters && (n == 0 || (n < CALLS && !call[waiter[0]].writes)) -> holds[waiter[0]] = 1; remove_waiter(0)
    :: else -> break
    fi
  od;
  skip
}

inline carry_out(c) {
  printf("... the request of call %d arrives\n", c);
  find(c);
  if
  :: !holds[c] && i > CALLS -> waiter[waiters] = c; waiters++
  :: else
  fi;
  admit();
  call[c].phase = (holds[c] -> HELD : WAITS)
}

/* ---- the client ---- */

inline ask(c) {
  printf("... call %d asks\n", c);
  call[c].is = ASKING;
  call[c].phase = SENT;
  for (j : 1 .. CALLS) { assert(!(BROKEN(SEE_BEHIND) && !call[c].writes && call[j].writes && call[j].is == QUEUED)) };
  skip
}

/* flag: its turn has not come. */
inline look(c) {
  flag = 0;
  for (j : 1 .. CALLS) {
    flag = flag || (ACTS(j) && (call[c].writes -> !BROKEN(NO_TURNS) : !(HAS_PLACE(j) || BROKEN(NO_PLACE_YET))));
    flag = flag || (j < c && call[j].is == LOCAL && (call[c].writes || !BROKEN(PASSES_LOCALS)))
  }
}

inline come() {
  printf("... call %d comes, writes: %d\n", _pid, ME.writes);
  look(_pid);
  if :: flag -> ME.is = LOCAL :: else -> ask(_pid) fi
}

inline start_next_turns() {
  for (k : 1 .. CALLS) {
    if
    :: call[k].is == LOCAL -> look(k); if :: !flag -> ask(k) :: else fi
    :: else
    fi
  };
  skip
}

#define HAS_NOT_LEARNED(c) ((call[c].is == QUEUED || call[c].phase == WAITS) && !holds[c] && !STANDS(c))
#define MAY_BE_PASSED(c, by) (HAS_NOT_LEARNED(c) || (call[c].lost_to & (1 << by)))

inline believe(c) {
  printf("... call %d holds\n", c);
  in_order = 1;
  for (j : 1 .. c - 1) {
    in_order = in_order && !(call[j].writes && (ASKS(j) || call[j].is == LOCAL) && !MAY_BE_PASSED(j, c))
  };
  assert(in_order);
  for (j : 1 .. CALLS) { assert(!(BROKEN(SEE_TOGETHER) && call[j].is == HOLDING)) };
  call[c].is = HOLDING;
  call[c].phase = NONE;
  start_next_turns()
}

#define COMES (_pid > 0 && call[_pid - 1].is != COMING)

active [CALLS + 1] proctype a_call() {
  if
  :: d_step { _pid == 0 -> ME.writes = 1; holds[0] = 1; ME.is = HOLDING }
  :: d_step { COMES -> ME.writes = 1; come() }
  :: d_step { COMES -> come() }
  fi;
  do
  :: d_step { ME.phase == SENT -> carry_out(_pid) }
  :: d_step { ME.phase == SENT && faults -> faults--; ME.phase = NONE } /* lost */
  :: d_step { ME.is == ASKING && ME.phase == NONE -> ME.phase = SENT }
  :: d_step { ME.phase == HELD -> believe(_pid) }
  :: d_step { ME.phase == WAITS ->
      printf("... call %d has a place\n", _pid);
      ME.phase = NONE;
      ME.is = QUEUED;
      ME.had_place = 1;
      start_next_turns() }
  :: d_step { ME.is == QUEUED && holds[_pid] -> believe(_pid) }
  :: d_step { ME.is == QUEUED && !holds[_pid] && !STANDS(_pid) -> /* a poll, and it begins again */
      ME.lost_to = 0;
      for (j : 1 .. CALLS) { ME.lost_to = ME.lost_to | (ASKS(j) << j) };
      ask(_pid) }
  :: d_step { ME.is == HOLDING -> printf("... call %d releases\n", _pid); ME.is = LEAVING; start_next_turns() }
  :: d_step { ME.is == LEAVING -> holds[_pid] = 0; ME.is = OVER; admit() }
  od
}

inline end_waiter(at) {
  printf("... the entry of call %d ends\n", waiter[at]);
  faults--;
  remove_waiter(at)
}

active proctype the_world() {
  do
  :: d_step { faults && waiters > 0 -> end_waiter(0) }
  :: d_step { faults && waiters > 1 -> end_waiter(1) }
  :: timeout -> /* nothing can happen any more */
    d_step {
      for (j : 0 .. CALLS) {
        served = (call[j].is == OVER);
        assert(served)
      };
      skip };
progress: /* so no other run is without an end */
    skip
  od
}
