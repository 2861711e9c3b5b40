// The ledger protocol of the operator (docs/admission.md) as a state machine of one namespace.
//
// - API server: it asks any replica to review a write, and waits for one answer. An update is bound
//   to the version that was reviewed, and is reviewed again when that has changed. A create is
//   bound to "no such name". An allowed write lands at any time within its life, also long after
//   the answer. It may die at any time (quota, another webhook, a crash), and its client may send
//   it again.
// - Replicas: each takes its steps at any time, so a paused one takes none. Each has a cache that
//   lags by any number of events. It may crash between any two steps, for example after its
//   compare-and-swap (CAS) and before its answer; a CAS that is under way may succeed after that.
// - Ledger: reservations and two watermarks. It may be deleted, or replaced from a backup.
// - Time: ticks. A write lives for D ticks, and a reservation may expire W > D ticks after a
// replica
//   first saw it. The model counts from when it was written, which is the worst of all observers.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "search.h"

constexpr int MAX_EVENTS = 7;
constexpr int MAX_RESERVATIONS = 6;
constexpr int MAX_WRITES = 5;
constexpr int MAX_REPLICAS = 3;
constexpr int NAMES = 4;
constexpr int SLOTS = 4;  // of two calendars: slots 0 and 1 of calendar 0, then those of calendar 1
constexpr int SLOTS_OF_CALENDAR = 2;

// What makes the protocol safe; each can be switched off, to see that it is needed.
struct Guards {
  bool cas = true;
  bool wait_for_watermark = true;
  bool raise_watermark = true;
  bool reserve_before_answer = true;
  bool expire_after_late_writes = true;
  bool new_id_on_renewal = true;
  bool look_before_expiry = true;
  bool calendars_on_ledger = true;
  bool strictest_rules = true;
  bool later_version_settles = true;
  bool uid_settles = true;
  bool new_ledger_closed = true;
  bool ledger_cannot_be_deleted = true;
  bool list_before_opening = true;
  bool list_before_answering = true;
  bool dropped_links_on_ledger = true;
  bool links_of_all_states = true;
  bool added_links_on_ledger = true;
  bool limit_links_of_creates = true;
};

enum Verb { CREATE, UPDATE, DELETE, SET_CAPACITY };

// A write that some client sends once. Slots and names are sets of bits.
struct Write {
  Verb verb;
  int name;  // of a booking; of a calendar for SET_CAPACITY
  int slots = 0;
  int replaces = 0;
  int capacity = 0;
};

struct StoredBooking {
  int name;
  int slots;
  int replaces = 0;
};

struct Scenario {
  std::string name;
  std::string meaning;
  std::vector<Write> writes = {};
  std::vector<StoredBooking> stored = {};
  int capacity[2] = {1, 1};  // of the two calendars
  int most_linked = NAMES;   // how many bookings may be linked, directly or through others
  int replicas = 2;
  int crashes = 0;
  int client_retries = 0;
  int ledger_deletions = 0;
  int ledger_restores = 0;
  bool starts_without_ledger = false;
  bool small = true;  // part of `make test`
};

// An event of the watch. Its version is its position, counted from 1; 0 stands for "none".
struct Event {
  uint8_t of_calendar : 1, exists : 1, name : 2, slots : 4;
  uint8_t value : 4, replaces : 4;  // the uid of a booking, or the capacity of a calendar
};

struct Reservation {
  uint8_t write : 3, tries : 1, old_version : 4;
  uint8_t age;
};

enum Phase { IDLE, IN_REVIEW, ALLOWED, LANDED, DEAD };
enum Attempt { NO_ATTEMPT, DECIDED, RESERVED };

// A write on its way through the API server.
//
// The attempt is that of the replica which the API server waits for. A late attempt is one that it
// no longer waits for, and whose CAS may still succeed.
struct Request {
  uint8_t phase : 3, tries : 1, attempt : 2, replica : 2;
  uint8_t age : 4, old_version : 4;
  uint8_t late : 1, late_tries : 1, late_old_version : 4;
};

// The progress is the number of events that the cache has taken in.
struct Replica {
  uint8_t up : 1, bookings_progress : 3, calendars_progress : 3;
};

enum LedgerState { ABSENT, RESTORED, CLOSED_AFTER_RESTORE, CLOSED, OPEN };

struct alignas(8) State {
  uint8_t event_count : 4, reservation_count : 4;
  uint8_t bookings_watermark : 4, calendars_watermark : 4;
  uint8_t ledger : 4, ledger_age : 4;
  uint8_t crashes : 2, client_retries : 2, deletions : 2, restores : 2;
  // Of each slot: how much was booked or reserved when its capacity was lowered.
  uint8_t allowed_depth[SLOTS];
  Event events[MAX_EVENTS];
  Reservation reservations[MAX_RESERVATIONS];
  Request requests[MAX_WRITES];
  Replica replicas[MAX_REPLICAS];
  uint8_t unused[3];
};
static_assert(sizeof(State) == 56);

// clang-format off
enum ActionType {
  // of a write
  BEGIN, DECIDE, REFUSE, RESERVE, ANSWER, ASK_AGAIN, RESERVE_LATE, LAND, REVIEW_AGAIN, DIE,
  SEND_AGAIN,
  // of a replica
  SEE_BOOKING, SEE_CALENDAR, PRUNE, EXPIRE, MAKE_LEDGER, OPEN_LEDGER, CRASH, RESTART,
  // of others
  DELETE_LEDGER, RESTORE_LEDGER, TICK,
};
// clang-format on

struct Action {
  int type;
  int subject;  // a write, or a replica
  int other;    // a replica, or a write

  uint16_t packed() const { return static_cast<uint16_t>(type << 8 | subject << 4 | other); }
  static Action unpacked(uint16_t packed) { return {packed >> 8, packed >> 4 & 15, packed & 15}; }
};

inline bool are_linked(int one, int other, const int (&names)[NAMES]) {
  return names[one] >> other & 1 || names[other] >> one & 1;
}

// Return a booking and all that it is linked with, directly or through others.
inline int linked_with(int one, int present, const int (&names)[NAMES]) {
  int reached = 1 << one, before = 0;
  while (reached != before) {
    before = reached;
    for (int name = 0; name < NAMES; name++)
      for (int other = 0; other < NAMES; other++)
        if (before >> name & 1 && present >> other & 1 && are_linked(name, other, names))
          reached |= 1 << other;
  }
  return reached;
}

// Return the largest number of disjoint linked pairs among bookings.
inline int count_pairs(int present, const int (&names)[NAMES]) {
  if (!present) return 0;
  int one = __builtin_ctz(present);
  int rest = present & ~(1 << one);
  int most = count_pairs(rest, names);
  for (int other = one + 1; other < NAMES; other++)
    if (rest >> other & 1 && are_linked(one, other, names))
      most = std::max(most, 1 + count_pairs(rest & ~(1 << other), names));
  return most;
}

// Return how many bookings count: those present, less the pairs that count once. As in `links.py`,
// a set of more than `most_linked` linked bookings has no pairs.
inline int depth_of(int present, const int (&names)[NAMES], int most_linked) {
  int depth = __builtin_popcount(present);
  bool any = std::any_of(names, names + NAMES, [](int replaced) { return replaced != 0; });
  for (int rest = any ? present : 0; rest;) {
    int linked = linked_with(__builtin_ctz(rest), present, names);
    rest &= ~linked;
    if (__builtin_popcount(linked) <= most_linked) depth -= count_pairs(linked, names);
  }
  return depth;
}

class Model {
 public:
  Model(const Scenario &scenario, const Guards &guards, int late_ticks, bool time_passes = true)
      : scenario_(scenario),
        guards_(guards),
        late_ticks_(late_ticks),
        expiry_ticks_(late_ticks + (guards.expire_after_late_writes ? 1 : 0)),
        time_passes_(time_passes),
        writes_(static_cast<int>(scenario.writes.size())) {}

  // Whether a list was full somewhere, so that steps are missing.
  bool truncated() const { return truncated_; }

  State first() const {
    State s;
    memset(&s, 0, sizeof s);
    s.ledger = scenario_.starts_without_ledger ? ABSENT : OPEN;
    for (const StoredBooking &stored : scenario_.stored) {
      Event event = booking_event(stored.name, stored.slots, stored.replaces, uid_of(stored));
      s.events[s.event_count++] = event;
    }
    for (int r = 0; r < scenario_.replicas; r++) {
      s.replicas[r].up = 1;
      list(s, r);
    }
    normalize(s);
    return s;
  }

  // Return where a calendar holds more than it may; empty if nowhere.
  std::string violation(const State &s) const {
    for (int slot = 0; slot < SLOTS; slot++) {
      int depth = stored_depth(s, slot);
      int capacity = capacity_at(s, calendar_of(slot), s.event_count);
      if (depth > std::max<int>(capacity, s.allowed_depth[slot]))
        return "calendar " + std::to_string(calendar_of(slot)) + ", slot " +
               std::to_string(slot % SLOTS_OF_CALENDAR) + ": depth " + std::to_string(depth) +
               ", capacity " + std::to_string(capacity);
    }
    return "";
  }

  // Append every step that is possible in a state.
  void expand(const State &s, std::vector<Step<State>> &steps) {
    steps_ = &steps;
    for (int w = 0; w < writes_; w++) step_write(s, w);
    for (int r = 0; r < scenario_.replicas; r++)
      if (s.replicas[r].up) step_replica(s, r);
      else restart(s, r);
    lose_ledger(s);
    if (time_passes_) tick(s);
  }

 private:
  const Scenario &scenario_;
  const Guards guards_;
  const int late_ticks_;
  const int expiry_ticks_;
  const bool time_passes_;
  const int writes_;
  bool truncated_ = false;
  std::vector<Step<State>> *steps_ = nullptr;

  // ---- Objects and events

  static int uid_of(int write, int tries) { return 1 + write * 2 + tries; }
  static int uid_of(const StoredBooking &stored) { return 1 + MAX_WRITES * 2 + stored.name; }
  static int calendar_of(int slot) { return slot / SLOTS_OF_CALENDAR; }
  static int slots_of(int calendar) { return 3 << calendar * SLOTS_OF_CALENDAR; }

  static Event booking_event(int name, int slots, int replaces, int uid) {
    Event event{};
    event.exists = 1;
    event.name = static_cast<uint8_t>(name);
    event.slots = static_cast<uint8_t>(slots);
    event.replaces = static_cast<uint8_t>(replaces);
    event.value = static_cast<uint8_t>(uid);
    return event;
  }

  static const Event &event_at(const State &s, int version) { return s.events[version - 1]; }

  // Return the newest version of an object among the first events; 0 if there is none.
  static int newest(const State &s, bool of_calendar, int name, int events) {
    for (int version = events; version > 0; version--) {
      const Event &event = event_at(s, version);
      if (event.of_calendar == of_calendar && event.name == name) return version;
    }
    return 0;
  }

  static const Event *booking_at(const State &s, int name, int events) {
    int version = newest(s, false, name, events);
    return version && event_at(s, version).exists ? &event_at(s, version) : nullptr;
  }

  int stored_version(const State &s, const Write &write) const {
    return newest(s, write.verb == SET_CAPACITY, write.name, s.event_count);
  }

  int capacity_at(const State &s, int calendar, int events) const {
    int version = newest(s, true, calendar, events);
    return version ? event_at(s, version).value : scenario_.capacity[calendar];
  }

  int stored_depth(const State &s, int slot) const {
    int present = 0, names[NAMES] = {};
    for (int name = 0; name < NAMES; name++) {
      const Event *booking = booking_at(s, name, s.event_count);
      if (booking && booking->slots >> slot & 1) {
        present |= 1 << name;
        names[name] = booking->replaces;
      }
    }
    return depth_of(present, names, scenario_.most_linked);
  }

  bool store(State &s, const Event &event) {
    if (s.event_count == MAX_EVENTS) {
      truncated_ = true;
      return false;
    }
    s.events[s.event_count++] = event;
    return true;
  }

  // ---- The ledger

  // End the attempts that are based on the ledger as it was: their CAS fails.
  void ledger_changed(State &s) const {
    if (!guards_.cas) return;
    for (int w = 0; w < writes_; w++) {
      if (s.requests[w].attempt == DECIDED) s.requests[w].attempt = NO_ATTEMPT;
      s.requests[w].late = 0;
    }
  }

  bool is_of_same_write(const Reservation &reservation, int w, int tries, int old_version) const {
    bool same_object = scenario_.writes[w].verb != CREATE || reservation.tries == tries;
    return reservation.write == w && reservation.old_version == old_version && same_object;
  }

  // Write a reservation, or write that of the same write again with a new id: its age starts again.
  bool reserve(State &s, int w, int tries, int old_version) {
    for (int i = 0; i < s.reservation_count; i++) {
      if (!is_of_same_write(s.reservations[i], w, tries, old_version)) continue;
      if (guards_.new_id_on_renewal) {
        s.reservations[i].age = 0;
        ledger_changed(s);
      }
      return true;
    }
    if (s.reservation_count == MAX_RESERVATIONS) {
      truncated_ = true;
      return false;
    }
    Reservation &added = s.reservations[s.reservation_count++];
    added.write = static_cast<uint8_t>(w);
    added.tries = scenario_.writes[w].verb == CREATE ? tries : 0;
    added.old_version = static_cast<uint8_t>(old_version);
    ledger_changed(s);
    return true;
  }

  void drop(State &s, int i) const {
    s.reservation_count--;
    s.reservations[i] = s.reservations[s.reservation_count];
    s.reservations[s.reservation_count] = Reservation{};
    ledger_changed(s);
  }

  void raise_watermark(State &s, const Write &write, int version) const {
    if (!guards_.raise_watermark) return;
    if (write.verb == SET_CAPACITY)
      s.calendars_watermark = std::max<int>(s.calendars_watermark, version);
    else s.bookings_watermark = std::max<int>(s.bookings_watermark, version);
  }

  // ---- Deciding

  static int slots_before(const State &s, const Write &write, int old_version) {
    return write.verb == UPDATE ? event_at(s, old_version).slots : 0;
  }

  static int dropped_names(const State &s, const Write &write, int old_version) {
    return write.verb == UPDATE ? event_at(s, old_version).replaces & ~write.replaces : 0;
  }

  static int added_names(const State &s, const Write &write, int old_version) {
    return write.verb == UPDATE ? write.replaces & ~event_at(s, old_version).replaces : 0;
  }

  // What a replica knows of the other bookings in a slot.
  struct View {
    int present = 0;
    int names[NAMES] = {};

    void add_state(int name, bool in_slot, int replaces, bool of_all_states) {
      bool seen = seen_ >> name & 1;
      if (!seen) names[name] = replaces;
      else names[name] = of_all_states ? names[name] & replaces : names[name] | replaces;
      seen_ |= 1 << name;
      if (in_slot) present |= 1 << name;
    }

   private:
    int seen_ = 0;
  };

  View view_of(const State &s, int r, int own, int slot) const {
    View view;
    for (int name = 0; name < NAMES; name++) {
      const Event *cached = booking_at(s, name, s.replicas[r].bookings_progress);
      if (name != own && cached && cached->slots >> slot & 1)
        view.add_state(name, true, cached->replaces, guards_.links_of_all_states);
    }
    for (int i = 0; i < s.reservation_count; i++) {
      const Write &write = scenario_.writes[s.reservations[i].write];
      bool on_calendar = write.slots & slots_of(calendar_of(slot));
      if (write.verb != SET_CAPACITY && write.name != own && on_calendar)
        view.add_state(write.name, write.slots >> slot & 1, write.replaces,
                       guards_.links_of_all_states);
    }
    return view;
  }

  int strictest_capacity(const State &s, int r, int calendar) const {
    int capacity = capacity_at(s, calendar, s.replicas[r].calendars_progress);
    for (int i = 0; i < s.reservation_count && guards_.strictest_rules; i++) {
      const Write &write = scenario_.writes[s.reservations[i].write];
      if (write.verb == SET_CAPACITY && write.name == calendar)
        capacity = std::min(capacity, write.capacity);
    }
    return capacity;
  }

  bool knows(const State &s, int r, int name) const {
    if (booking_at(s, name, s.replicas[r].bookings_progress)) return true;
    for (int i = 0; i < s.reservation_count; i++) {
      const Write &write = scenario_.writes[s.reservations[i].write];
      if (write.verb != SET_CAPACITY && write.name == name) return true;
    }
    return false;
  }

  // Whether a write would link too many bookings. Every link of every state counts, since any of
  // them may be stored in the end.
  bool links_too_many(const State &s, int r, int w) const {
    const Write &write = scenario_.writes[w];
    if (!write.replaces && !guards_.limit_links_of_creates) return false;
    int present = 1 << write.name, names[NAMES] = {};
    names[write.name] = write.replaces;
    for (int name = 0; name < NAMES; name++) {
      const Event *cached = booking_at(s, name, s.replicas[r].bookings_progress);
      if (cached) names[name] |= cached->replaces;
      if (knows(s, r, name)) present |= 1 << name;
    }
    for (int i = 0; i < s.reservation_count; i++) {
      const Write &reserved = scenario_.writes[s.reservations[i].write];
      if (reserved.verb != SET_CAPACITY) names[reserved.name] |= reserved.replaces;
    }
    int linked = linked_with(write.name, present, names);
    return __builtin_popcount(linked) > scenario_.most_linked;
  }

  // Whether a write fits, by the cache of a replica and the ledger.
  bool fits(const State &s, int r, int w) const {
    const Write &write = scenario_.writes[w];
    int old_version = s.requests[w].old_version;
    if (links_too_many(s, r, w)) return false;
    bool loses_links = false;
    for (int name = 0; name < NAMES; name++)
      if (dropped_names(s, write, old_version) >> name & 1) loses_links |= knows(s, r, name);
    int added = loses_links ? write.slots : write.slots & ~slots_before(s, write, old_version);
    for (int slot = 0; slot < SLOTS; slot++) {
      if (!(added >> slot & 1)) continue;
      View view = view_of(s, r, write.name, slot);
      view.present |= 1 << write.name;
      view.names[write.name] = write.replaces;
      if (depth_of(view.present, view.names, scenario_.most_linked) >
          strictest_capacity(s, r, calendar_of(slot)))
        return false;
    }
    return true;
  }

  // Whether a write is decided on the ledger. This depends on the reviewed objects alone: what a
  // lagging cache does not know cannot make it skip the ledger.
  bool needs_ledger(const State &s, int w) const {
    const Write &write = scenario_.writes[w];
    if (write.verb == SET_CAPACITY) return guards_.calendars_on_ledger;
    if (write.verb == CREATE) return true;
    int old_version = s.requests[w].old_version;
    if (write.slots & ~slots_before(s, write, old_version)) return true;
    return (guards_.dropped_links_on_ledger && dropped_names(s, write, old_version)) ||
           (guards_.added_links_on_ledger && added_names(s, write, old_version));
  }

  bool is_behind(const State &s, int r) const {
    const Replica &replica = s.replicas[r];
    return replica.bookings_progress < s.bookings_watermark ||
           replica.calendars_progress < s.calendars_watermark;
  }

  // ---- Steps of a write

  void step_write(const State &s, int w) {
    const Request &request = s.requests[w];
    switch (request.phase) {
      case IDLE: begin(s, w); break;
      case IN_REVIEW: review(s, w); break;
      case ALLOWED: land(s, w); break;
      case DEAD: send_again(s, w); break;
    }
    if (request.late) reserve_late(s, w);
    if (request.phase == IN_REVIEW || request.phase == ALLOWED) die(s, w);
  }

  void begin(const State &s, int w) {
    const Write &write = scenario_.writes[w];
    State next = s;
    int version = stored_version(s, write);
    bool exists = version && event_at(s, version).exists;
    if ((write.verb == UPDATE || write.verb == DELETE) && !exists) return;
    if (write.verb == DELETE) {
      Event gone = booking_event(write.name, 0, 0, event_at(s, version).value);
      gone.exists = 0;
      next.requests[w].phase = LANDED;
      if (store(next, gone)) emit(next, {LAND, w, 0});
      return;
    }
    next.requests[w].phase = IN_REVIEW;
    next.requests[w].old_version = write.verb == CREATE ? 0 : version;
    emit(next, {BEGIN, w, 0});
  }

  void review(const State &s, int w) {
    const Request &request = s.requests[w];
    if (request.attempt == NO_ATTEMPT) {
      for (int r = 0; r < scenario_.replicas; r++)
        if (s.replicas[r].up) decide(s, w, r);
      return;
    }
    if (request.attempt == DECIDED) reserve_now(s, w);
    if (request.attempt == RESERVED && s.replicas[request.replica].up) answer(s, w);
    ask_again(s, w);
  }

  void decide(const State &s, int w, int r) {
    const Write &write = scenario_.writes[w];
    if (!needs_ledger(s, w)) {
      int old_version = s.requests[w].old_version;
      bool changes_links =
          dropped_names(s, write, old_version) || added_names(s, write, old_version);
      if (!changes_links || fits(s, r, w)) allow(s, w, r);
      else refuse(s, w, r);
      return;
    }
    if (s.ledger != OPEN) return;
    if (write.verb != SET_CAPACITY) {  // which is never refused
      if (guards_.wait_for_watermark && is_behind(s, r)) return;
      if (!fits(s, r, w)) return refuse(s, w, r);
    }
    State next = s;
    Request &request = next.requests[w];
    request.attempt = DECIDED;
    request.replica = static_cast<uint8_t>(r);
    if (!guards_.reserve_before_answer && write.verb != SET_CAPACITY) {
      leave(request);
      request.phase = ALLOWED;
    }
    emit(next, {DECIDE, w, r});
  }

  void allow(const State &s, int w, int r) {
    State next = s;
    next.requests[w].phase = ALLOWED;
    emit(next, {DECIDE, w, r});
  }

  // A client may send a refused write again as something new, unless an attempt may still count.
  void refuse(const State &s, int w, int r) {
    bool may_count = s.requests[w].late;
    for (int i = 0; i < s.reservation_count; i++) may_count |= s.reservations[i].write == w;
    State next = s;
    next.requests[w].phase = may_count ? DEAD : IDLE;
    emit(next, {REFUSE, w, r});
  }

  void reserve_now(const State &s, int w) {
    State next = s;
    Request &request = next.requests[w];
    int r = request.replica;
    request.attempt = NO_ATTEMPT;  // else its own CAS would end it
    if (!reserve(next, w, request.tries, request.old_version)) return;
    request.attempt = RESERVED;
    emit(next, {RESERVE, w, r});
  }

  void reserve_late(const State &s, int w) {
    State next = s;
    Request &request = next.requests[w];
    request.late = 0;
    if (reserve(next, w, request.late_tries, request.late_old_version))
      emit(next, {RESERVE_LATE, w, 0});
  }

  void answer(const State &s, int w) {
    State next = s;
    next.requests[w].phase = ALLOWED;
    emit(next, {ANSWER, w, s.requests[w].replica});
  }

  // Stop waiting for an attempt; if its CAS is under way, it may still succeed.
  static void leave(Request &request) {
    if (request.attempt == DECIDED) {
      request.late = 1;
      request.late_tries = request.tries;
      request.late_old_version = request.old_version;
    }
    request.attempt = NO_ATTEMPT;
  }

  void ask_again(const State &s, int w) {
    State next = s;
    leave(next.requests[w]);
    emit(next, {ASK_AGAIN, w, 0});
  }

  void land(const State &s, int w) {
    const Write &write = scenario_.writes[w];
    switch (write.verb) {
      case CREATE: return land_create(s, w);
      case UPDATE: return land_update(s, w);
      default: return land_capacity(s, w);
    }
  }

  void land_create(const State &s, int w) {
    const Write &write = scenario_.writes[w];
    if (booking_at(s, write.name, s.event_count)) return;  // it can only die
    State next = s;
    int uid = uid_of(w, s.requests[w].tries);
    next.requests[w].phase = LANDED;
    if (store(next, booking_event(write.name, write.slots, write.replaces, uid)))
      emit(next, {LAND, w, 0});
  }

  void land_update(const State &s, int w) {
    const Write &write = scenario_.writes[w];
    const Event *stored = booking_at(s, write.name, s.event_count);
    if (!stored || stored->value != event_at(s, s.requests[w].old_version).value) return;
    if (review_again(s, w)) return;
    State next = s;
    next.requests[w].phase = LANDED;
    if (store(next, booking_event(write.name, write.slots, write.replaces, stored->value)))
      emit(next, {LAND, w, 0});
  }

  // Review an update again if its object has changed since.
  bool review_again(const State &s, int w) {
    int version = stored_version(s, scenario_.writes[w]);
    if (version == s.requests[w].old_version) return false;
    State next = s;
    next.requests[w].phase = IN_REVIEW;
    next.requests[w].old_version = static_cast<uint8_t>(version);
    emit(next, {REVIEW_AGAIN, w, 0});
    return true;
  }

  void land_capacity(const State &s, int w) {
    const Write &write = scenario_.writes[w];
    if (review_again(s, w)) return;
    State next = s;
    Event event{};
    event.of_calendar = event.exists = 1;
    event.name = static_cast<uint8_t>(write.name);
    event.value = static_cast<uint8_t>(write.capacity);
    next.requests[w].phase = LANDED;
    if (!store(next, event)) return;
    if (write.capacity < capacity_at(s, write.name, s.event_count))
      remember_depth(s, next, write.name);
    emit(next, {LAND, w, 0});
  }

  // What is booked or reserved when a capacity falls may stay.
  void remember_depth(const State &s, State &next, int calendar) const {
    for (int slot = 0; slot < SLOTS; slot++) {
      if (calendar_of(slot) != calendar) continue;
      int names = 0;
      for (int name = 0; name < NAMES; name++) {
        const Event *booking = booking_at(s, name, s.event_count);
        if (booking && booking->slots >> slot & 1) names |= 1 << name;
      }
      for (int w = 0; w < writes_; w++) {
        const Write &write = scenario_.writes[w];
        const Request &request = s.requests[w];
        bool may_land =
            request.phase == ALLOWED || (request.phase == IN_REVIEW && request.attempt == RESERVED);
        if (may_land && write.verb != SET_CAPACITY && write.slots >> slot & 1)
          names |= 1 << write.name;
      }
      next.allowed_depth[slot] = std::max<int>(next.allowed_depth[slot], __builtin_popcount(names));
    }
  }

  void die(const State &s, int w) {
    State next = s;
    leave(next.requests[w]);
    next.requests[w].phase = DEAD;
    emit(next, {DIE, w, 0});
  }

  // A client sends a write again; a create then has a new uid.
  void send_again(const State &s, int w) {
    if (s.requests[w].tries || s.client_retries == scenario_.client_retries) return;
    State next = s;
    next.requests[w].phase = IDLE;
    next.requests[w].tries = 1;
    next.client_retries++;
    emit(next, {SEND_AGAIN, w, 0});
  }

  // ---- Steps of a replica

  void step_replica(const State &s, int r) {
    watch(s, r);
    if (s.ledger != ABSENT && s.ledger != RESTORED)
      for (int i = 0; i < s.reservation_count; i++) {
        prune(s, r, i);
        expire(s, r, i);
      }
    make_ledger(s, r);
    open_ledger(s, r);
    crash(s, r);
  }

  void watch(const State &s, int r) {
    if (s.replicas[r].bookings_progress < s.event_count) {
      State next = s;
      next.replicas[r].bookings_progress++;
      emit(next, {SEE_BOOKING, r, 0});
    }
    if (s.replicas[r].calendars_progress < s.event_count) {
      State next = s;
      next.replicas[r].calendars_progress++;
      emit(next, {SEE_CALENDAR, r, 0});
    }
  }

  // Whether a version of its object settles a reservation: the write landed, or never can.
  bool settles(const State &s, int version, const Reservation &reservation) const {
    const Write &write = scenario_.writes[reservation.write];
    const Event &event = event_at(s, version);
    if (event.of_calendar != (write.verb == SET_CAPACITY) || event.name != write.name) return false;
    if (write.verb == CREATE) {
      bool same_uid = event.value == uid_of(reservation.write, reservation.tries);
      return guards_.uid_settles ? same_uid : event.exists;
    }
    bool strictly_later = guards_.later_version_settles || write.verb == SET_CAPACITY;
    return strictly_later ? version > reservation.old_version : version >= reservation.old_version;
  }

  // Drop a reservation that the cache shows to be settled.
  void prune(const State &s, int r, int i) {
    const Write &write = scenario_.writes[s.reservations[i].write];
    const Replica &replica = s.replicas[r];
    int progress =
        write.verb == SET_CAPACITY ? replica.calendars_progress : replica.bookings_progress;
    for (int version = 1; version <= progress; version++) {
      if (!settles(s, version, s.reservations[i])) continue;
      State next = s;
      raise_watermark(next, write, version);
      drop(next, i);
      emit(next, {PRUNE, r, s.reservations[i].write});
      return;
    }
  }

  // Drop an old reservation, after a look whether its write came.
  void expire(const State &s, int r, int i) {
    const Reservation &reservation = s.reservations[i];
    if (reservation.age < expiry_ticks_) return;
    const Write &write = scenario_.writes[reservation.write];
    State next = s;
    int version = stored_version(s, write);
    bool came = version && event_at(s, version).exists && settles(s, version, reservation);
    if (guards_.look_before_expiry && came) raise_watermark(next, write, version);
    drop(next, i);
    emit(next, {EXPIRE, r, reservation.write});
  }

  static void list(State &s, int r) {
    s.replicas[r].bookings_progress = s.event_count;
    s.replicas[r].calendars_progress = s.event_count;
  }

  // Set the watermarks to the highest versions of listed objects. The version of the list itself
  // could be one that no event of the watch ever reaches.
  static void set_watermarks(State &s) {
    s.bookings_watermark = s.calendars_watermark = 0;
    for (int version = 1; version <= s.event_count; version++) {
      const Event &event = event_at(s, version);
      if (!event.exists || newest(s, event.of_calendar, event.name, s.event_count) != version)
        continue;
      if (event.of_calendar) s.calendars_watermark = static_cast<uint8_t>(version);
      else s.bookings_watermark = static_cast<uint8_t>(version);
    }
  }

  void make_ledger(const State &s, int r) {
    if (s.ledger != ABSENT && s.ledger != RESTORED) return;
    State next = s;
    next.ledger = !guards_.new_ledger_closed ? OPEN
                  : s.ledger == ABSENT       ? CLOSED
                                             : CLOSED_AFTER_RESTORE;
    next.ledger_age = 0;
    list(next, r);
    set_watermarks(next);
    ledger_changed(next);
    emit(next, {MAKE_LEDGER, r, 0});
  }

  // Open a closed ledger once late writes are over; a new one at once where nothing is booked.
  void open_ledger(const State &s, int r) {
    if (s.ledger != CLOSED && s.ledger != CLOSED_AFTER_RESTORE) return;
    bool booked = false;
    for (int name = 0; name < NAMES; name++)
      booked |= booking_at(s, name, s.event_count) != nullptr;
    bool at_once = s.ledger == CLOSED && !booked;
    if (s.ledger_age < expiry_ticks_ && !at_once) return;
    State next = s;
    next.ledger = OPEN;
    next.ledger_age = 0;
    if (guards_.list_before_opening) {
      list(next, r);
      set_watermarks(next);
    }
    ledger_changed(next);
    emit(next, {OPEN_LEDGER, r, 0});
  }

  void crash(const State &s, int r) {
    if (s.crashes == scenario_.crashes) return;
    State next = s;
    next.crashes++;
    next.replicas[r].up = 0;
    for (int w = 0; w < writes_; w++)
      if (next.requests[w].attempt != NO_ATTEMPT && next.requests[w].replica == r)
        leave(next.requests[w]);
    emit(next, {CRASH, r, 0});
  }

  void restart(const State &s, int r) {
    State next = s;
    next.replicas[r].up = 1;
    if (guards_.list_before_answering) list(next, r);
    emit(next, {RESTART, r, 0});
  }

  // ---- Steps of others

  // A policy of the API server lets nobody delete a ledger that has reservations, or that is not
  // the one that was opened.
  void lose_ledger(const State &s) {
    bool may_be_deleted =
        (s.ledger == OPEN && s.reservation_count == 0) || !guards_.ledger_cannot_be_deleted;
    if (s.ledger != ABSENT && may_be_deleted && s.deletions < scenario_.ledger_deletions) {
      State next = s;
      next.deletions++;
      empty_ledger(next, ABSENT);
      emit(next, {DELETE_LEDGER, 0, 0});
    }
    if (s.ledger != ABSENT && s.restores < scenario_.ledger_restores) {
      State next = s;
      next.restores++;
      empty_ledger(next, RESTORED);
      emit(next, {RESTORE_LEDGER, 0, 0});
    }
  }

  void empty_ledger(State &s, LedgerState state) const {
    s.ledger = state;
    s.ledger_age = 0;
    s.bookings_watermark = s.calendars_watermark = 0;
    s.reservation_count = 0;
    memset(s.reservations, 0, sizeof s.reservations);
    ledger_changed(s);
  }

  void tick(const State &s) {
    State next = s;
    for (int w = 0; w < writes_; w++) {
      Request &request = next.requests[w];
      if (request.phase != IN_REVIEW && request.phase != ALLOWED) continue;
      request.age++;
      if (request.age <= late_ticks_) continue;
      leave(request);
      request.phase = DEAD;
    }
    for (int i = 0; i < next.reservation_count; i++)
      if (next.reservations[i].age < expiry_ticks_) next.reservations[i].age++;
    bool closed = s.ledger == CLOSED || s.ledger == CLOSED_AFTER_RESTORE;
    if (closed && s.ledger_age < expiry_ticks_) next.ledger_age++;
    if (memcmp(&s, &next, sizeof s) != 0) emit(next, {TICK, 0, 0});
  }

  // ---- Bookkeeping

  void emit(State &next, Action action) {
    normalize(next);
    steps_->push_back({next, action.packed()});
  }

  // Give states that behave alike one form, so that the search sees them once.
  void normalize(State &s) const {
    std::sort(
        s.reservations, s.reservations + s.reservation_count,
        [](const Reservation &a, const Reservation &b) { return memcmp(&a, &b, sizeof a) < 0; });
    for (int w = 0; w < writes_; w++) normalize(s.requests[w]);
    for (int r = 0; r < scenario_.replicas; r++) normalize(s, s.replicas[r]);
  }

  static void normalize(Request &request) {
    bool waiting = request.phase == IN_REVIEW;
    if (!waiting) request.attempt = NO_ATTEMPT;
    if (!waiting && request.phase != ALLOWED) request.age = request.old_version = 0;
    if (request.attempt == NO_ATTEMPT) request.replica = 0;
    if (!request.late) request.late_tries = request.late_old_version = 0;
    if (request.phase == LANDED) request.tries = 0;
  }

  // A reflector passes by the events of the other kind.
  static void normalize(const State &s, Replica &replica) {
    if (!replica.up) replica.bookings_progress = replica.calendars_progress = 0;
    if (!replica.up) return;
    while (replica.bookings_progress < s.event_count &&
           s.events[replica.bookings_progress].of_calendar)
      replica.bookings_progress++;
    while (replica.calendars_progress < s.event_count &&
           !s.events[replica.calendars_progress].of_calendar)
      replica.calendars_progress++;
  }
};
