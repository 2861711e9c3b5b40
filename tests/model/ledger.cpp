// Check the ledger protocol (protocol.h): no calendar of policy Reject ever holds more than it may.
//
//   g++ -O2 -std=c++20 -o ledger ledger.cpp
//   ./ledger guards                            list the guards
//   ./ledger scenarios                         list the scenarios
//   ./ledger small [OPTION...]                 check the small scenarios
//   ./ledger all [OPTION...]                   check all scenarios, and then without each guard
//   ./ledger random [OPTION...]                check scenarios made at random
//   ./ledger witness                           check that after a crash nobody has to wait
//
// Options: --without=GUARD, --scenario=NAME, --trace, --first (stop at the first violation),
//   --fine (two ticks for the life of a write), --scenarios=NUMBER, --seed=NUMBER (of random ones),
//   --limit=NUMBER (of states; a result is "bounded" if there are more).
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "protocol.h"

struct GuardName {
  int number;
  const char *name;
  bool Guards::*flag;
};

const std::vector<GuardName> GUARDS = {
    {1, "cas", &Guards::cas},
    {2, "wait-for-watermark", &Guards::wait_for_watermark},
    {3, "raise-watermark", &Guards::raise_watermark},
    {4, "reserve-before-answer", &Guards::reserve_before_answer},
    {5, "expire-after-late-writes", &Guards::expire_after_late_writes},
    {6, "new-id-on-renewal", &Guards::new_id_on_renewal},
    {7, "look-before-expiry", &Guards::look_before_expiry},
    {8, "calendars-on-ledger", &Guards::calendars_on_ledger},
    {9, "strictest-rules", &Guards::strictest_rules},
    {10, "later-version-settles", &Guards::later_version_settles},
    {11, "uid-settles", &Guards::uid_settles},
    {12, "new-ledger-closed", &Guards::new_ledger_closed},
    {13, "ledger-cannot-be-deleted", &Guards::ledger_cannot_be_deleted},
    {14, "list-before-opening", &Guards::list_before_opening},
    {15, "list-before-answering", &Guards::list_before_answering},
    {16, "dropped-links-on-ledger", &Guards::dropped_links_on_ledger},
    {17, "links-of-all-states", &Guards::links_of_all_states},
    {18, "added-links-on-ledger", &Guards::added_links_on_ledger},
    {19, "limit-links-of-creates", &Guards::limit_links_of_creates},
};

// Bookings are b0 to b3. S1 and S2 are the slots of one calendar, T1 and T2 those of another.
enum { S1 = 1, S2 = 2, T1 = 4, T2 = 8 };
enum { B0 = 1, B1 = 2, B2 = 4 };

Write create(int name, int slots, int replaces = 0) { return {CREATE, name, slots, replaces}; }
Write update(int name, int slots, int replaces = 0) { return {UPDATE, name, slots, replaces}; }
Write remove(int name) { return {DELETE, name}; }
Write set_capacity(int capacity) { return {SET_CAPACITY, 0, 0, 0, capacity}; }

std::vector<Scenario> make_scenarios() {
  return {
      {.name = "race",
       .meaning = "b0 wants two calendars, b1 and b2 want one of them each",
       .writes = {create(0, S1 | T1), create(1, S1), create(2, T1)},
       .crashes = 1},
      {.name = "move",
       .meaning = "b0 moves, b1 wants its new slot, b2 its old one",
       .writes = {update(0, S2), create(1, S2), create(2, S1)},
       .stored = {{0, S1}},
       .crashes = 1},
      {.name = "update-retry",
       .meaning = "a client sends an update again, b1 wants a part of its time",
       .writes = {update(0, S1 | S2), create(1, S2)},
       .stored = {{0, S1}},
       .crashes = 1,
       .client_retries = 1},
      {.name = "remade-name",
       .meaning = "b0 is deleted and created again under its name, b1 wants its slot",
       .writes = {remove(0), create(0, S1), remove(0), create(1, S1)},
       .stored = {{0, S2}},
       .client_retries = 1},
      {.name = "two-updates",
       .meaning = "two updates of one booking, b1 wants what both add",
       .writes = {update(0, S1 | S2), update(0, S1 | T1), create(1, S2 | T1)},
       .stored = {{0, S1}},
       .crashes = 1},
      {.name = "shrinks-and-grows",
       .meaning = "one update of b0 gives up time that another keeps, and that b1 wants",
       .writes = {update(0, S1), update(0, S1 | S2 | T1), create(1, S2)},
       .stored = {{0, S1 | S2}},
       .crashes = 1},
      {.name = "capacity-lowered",
       .meaning = "a capacity is lowered while two bookings are created beside a third",
       .writes = {set_capacity(1), create(1, S1), create(2, S1)},
       .stored = {{0, S2}},
       .capacity = {2, 1},
       .crashes = 1},
      {.name = "large-capacities",
       .meaning = "a capacity is raised and lowered while two bookings are created",
       .writes = {set_capacity(2), set_capacity(1), create(1, S1), create(2, S1)},
       .small = false},
      {.name = "capacity-two",
       .meaning = "three creates with a capacity of two, and a deletion",
       .writes = {create(0, S1), create(1, S1), create(2, S1), remove(0)},
       .capacity = {2, 1}},
      {.name = "capacity-raised",
       .meaning = "a capacity is raised while three bookings are created",
       .writes = {set_capacity(2), create(0, S1), create(1, S1), create(2, S1)},
       .crashes = 1,
       .small = false},
      {.name = "client-retries",
       .meaning = "clients send two creates of one slot twice",
       .writes = {create(0, S1), create(1, S1)},
       .crashes = 1,
       .client_retries = 2},
      {.name = "crashes",
       .meaning = "both replicas crash, b1 and b2 want what b0 has",
       .writes = {create(1, S1), create(2, T1)},
       .stored = {{0, S1 | T1}},
       .crashes = 2},
      {.name = "restored",
       .meaning = "the ledger is restored while two bookings are created",
       .writes = {create(0, S1), create(1, S1)},
       .crashes = 1,
       .ledger_restores = 1},
      {.name = "restored-move",
       .meaning = "the ledger is restored while b0 moves and b1 wants its new slot",
       .writes = {update(0, S2), create(1, S2)},
       .stored = {{0, S1}},
       .crashes = 1,
       .ledger_restores = 1},
      {.name = "restored-deleted",
       .meaning = "the ledger is restored, and somebody deletes it, while two bookings are created",
       .writes = {create(0, S1), create(1, S1)},
       .crashes = 1,
       .ledger_deletions = 1,
       .ledger_restores = 1},
      {.name = "deleted",
       .meaning = "somebody deletes the ledger while two bookings are created",
       .writes = {create(0, S1), create(1, S1)},
       .crashes = 1,
       .ledger_deletions = 1},
      {.name = "first-use",
       .meaning = "a namespace without a ledger, two creates of one slot",
       .writes = {create(0, S1), create(1, S1)},
       .crashes = 1,
       .client_retries = 1,
       .starts_without_ledger = true},
      {.name = "three-replicas",
       .meaning = "three replicas, three creates, two of them of one slot",
       .writes = {create(0, S1), create(1, S1), create(2, T1)},
       .replicas = 3,
       .crashes = 1},
      {.name = "mixed",
       .meaning = "a move over two calendars, two creates and a deletion",
       .writes = {update(0, S2 | T1), create(1, S1 | T2), create(2, S2), remove(1)},
       .stored = {{0, S1 | T2}},
       .crashes = 1,
       .small = false},
      {.name = "name-dropped",
       .meaning = "b1 drops b0 from `replaces`, while b0 is created beside it",
       .writes = {create(0, S1), update(1, S1)},
       .stored = {{1, S1, B0}},
       .crashes = 1},
      {.name = "replace-and-drop",
       .meaning = "b0 is created, b1 replaces it and drops its name, b0 is deleted",
       .writes = {create(0, S1), create(1, S1, B0), update(1, S1), remove(0)},
       .crashes = 1},
      {.name = "name-added",
       .meaning = "b1 grows and names b0, which is created in its old slot",
       .writes = {update(1, S1 | S2, B0), create(0, S1)},
       .stored = {{1, S1}},
       .crashes = 1},
      {.name = "name-changed",
       .meaning = "b1 grows and names b0 instead of b2, and both are created beside it",
       .writes = {update(1, S1 | S2, B0), create(0, S1), create(2, S1)},
       .stored = {{1, S1, B2}},
       .crashes = 1},
      {.name = "swap",
       .meaning = "b0 and b1 swap their slots, b2 wants the one that is left first",
       .writes = {update(0, S2, B1), update(1, S1, B0), create(2, S1)},
       .stored = {{0, S1}, {1, S2}},
       .crashes = 1},
      {.name = "renamed",
       .meaning = "b1 replaces b0, which is deleted, and b2 replaces b0 too",
       .writes = {create(1, S1, B0), remove(0), create(2, S1, B0)},
       .stored = {{0, S1}},
       .crashes = 1,
       .client_retries = 1},
      {.name = "linked-by-two",
       .meaning = "b1 replaces b0, and b2 names b1; only two may be linked",
       .writes = {create(1, S1, B0), update(2, S1, B1)},
       .stored = {{0, S1}, {2, S1}},
       .capacity = {2, 1},
       .most_linked = 2,
       .crashes = 1},
      {.name = "linked-by-name",
       .meaning = "b0, which b1 names, is created, and b2 names b1; only two may be linked",
       .writes = {create(0, S1), update(2, S1, B1)},
       .stored = {{1, S1, B0}, {2, S1}},
       .capacity = {2, 1},
       .most_linked = 2,
       .crashes = 1},
      {.name = "large-moves",
       .meaning = "three replicas, a move and two creates over two calendars, a raise, a retry",
       .writes = {update(0, S2 | T1), create(1, S1 | T2), create(2, S2 | T1), set_capacity(2)},
       .stored = {{0, S1 | T2}},
       .replicas = 3,
       .crashes = 1,
       .client_retries = 1,
       .small = false},
      {.name = "large-restores",
       .meaning = "the ledger is restored twice, three creates over two calendars, a retry",
       .writes = {create(0, S1 | T1), create(1, S1), create(2, T1)},
       .crashes = 1,
       .client_retries = 1,
       .ledger_restores = 2,
       .small = false},
  };
}

// Make scenarios that nobody has thought of, the same ones for the same seed.
std::vector<Scenario> random_scenarios(int count, unsigned seed) {
  std::mt19937 random(seed);
  // Not std::uniform_int_distribution, which gives other numbers with other libraries.
  auto below = [&random](int limit) { return static_cast<int>(random() % limit); };
  auto one_in = [&below](int limit) { return below(limit) == 0; };
  auto slots = [&below] { return 1 + below(15); };
  auto names = [&below, &one_in] { return one_in(2) ? below(8) : 0; };
  auto write = [&](int name) -> Write {
    switch (below(8)) {
      case 0: return remove(name);
      case 1: return set_capacity(1 + below(2));
      case 2:
      case 3:
      case 4: return update(name, slots(), names());
      default: return create(name, slots(), names());
    }
  };
  std::vector<Scenario> all;
  for (int number = 0; number < count; number++) {
    Scenario made{.name = "random-" + std::to_string(number), .meaning = ""};
    for (int name = 0; name < 3; name++)
      if (one_in(2)) made.stored.push_back({name, slots(), names()});
    for (int writes = 0; writes < 3; writes++) made.writes.push_back(write(below(3)));
    for (int &capacity : made.capacity) capacity = 1 + below(2);
    made.most_linked = 2 + below(2);
    made.crashes = below(2);
    made.client_retries = below(2);
    made.ledger_deletions = one_in(4);
    made.ledger_restores = one_in(4);
    all.push_back(made);
  }
  return all;
}

struct Options {
  size_t limit = 60000000;
  int scenarios = 100;
  unsigned seed = 1;
  std::string without;
  std::string scenario;
  bool trace = false;
  bool first = false;
  bool fine = false;
};

// ---- Output

std::string text_of(const Write &write) {
  const char *verbs[] = {"create", "update", "delete"};
  if (write.verb == SET_CAPACITY) return "capacity " + std::to_string(write.capacity);
  return std::string(verbs[write.verb]) + " of b" + std::to_string(write.name);
}

std::string text_of(const Scenario &scenario, Action action) {
  auto write = [&](int index) { return text_of(scenario.writes[index]); };
  auto replica = [](int index) { return "replica " + std::to_string(index + 1); };
  switch (action.type) {
    case BEGIN: return write(action.subject) + ": request begins";
    case DECIDE: return write(action.subject) + ": fits, decides " + replica(action.other);
    case REFUSE: return write(action.subject) + ": refused by " + replica(action.other);
    case RESERVE: return write(action.subject) + ": CAS by " + replica(action.other) + " succeeds";
    case ANSWER: return write(action.subject) + ": 'allowed' arrives from " + replica(action.other);
    case ASK_AGAIN: return write(action.subject) + ": connection lost, API server asks again";
    case RESERVE_LATE: return write(action.subject) + ": CAS that nobody waits for succeeds";
    case LAND: return write(action.subject) + ": lands";
    case REVIEW_AGAIN: return write(action.subject) + ": object has changed, reviewed again";
    case DIE: return write(action.subject) + ": request dies";
    case SEND_AGAIN: return write(action.subject) + ": client sends it again";
    case SEE_BOOKING: return replica(action.subject) + ": takes in an event of a booking";
    case SEE_CALENDAR: return replica(action.subject) + ": takes in an event of a calendar";
    case PRUNE:
      return replica(action.subject) + ": drops the settled reservation of " + write(action.other);
    case EXPIRE:
      return replica(action.subject) + ": drops the expired reservation of " + write(action.other);
    case MAKE_LEDGER: return replica(action.subject) + ": makes a ledger";
    case OPEN_LEDGER: return replica(action.subject) + ": opens the ledger";
    case CRASH: return replica(action.subject) + ": crashes";
    case RESTART: return replica(action.subject) + ": starts again, lists";
    case DELETE_LEDGER: return "somebody deletes the ledger";
    case RESTORE_LEDGER: return "the ledger is restored, without reservations";
    default: return "a tick passes";
  }
}

std::string text_of_slots(int slots) {
  const char *names[] = {"S1", "S2", "T1", "T2"};
  std::string text;
  for (int slot = 0; slot < SLOTS; slot++)
    if (slots >> slot & 1) text += std::string(" ") + names[slot];
  return text;
}

std::string text_of_names(int names) {
  std::string text;
  for (int name = 0; name < NAMES; name++)
    if (names >> name & 1) text += (text.empty() ? " for b" : ", b") + std::to_string(name);
  return text;
}

void print_setup(const Scenario &scenario) {
  printf("  capacities %d, %d; at most %d linked\n", scenario.capacity[0], scenario.capacity[1],
         scenario.most_linked);
  for (const StoredBooking &stored : scenario.stored)
    printf("  stored: b%d in%s%s\n", stored.name, text_of_slots(stored.slots).c_str(),
           text_of_names(stored.replaces).c_str());
  for (const Write &write : scenario.writes)
    printf("  %s:%s%s\n", text_of(write).c_str(), text_of_slots(write.slots).c_str(),
           text_of_names(write.replaces).c_str());
}

void print_trace(const Scenario &scenario, const Found &found) {
  int number = 0;
  for (uint16_t packed : found.trace)
    printf("  %2d. %s\n", ++number, text_of(scenario, Action::unpacked(packed)).c_str());
}

// ---- Checks

const GuardName *find_guard(const std::string &name) {
  for (const GuardName &guard : GUARDS)
    if (guard.name == name) return &guard;
  return nullptr;
}

// Check a scenario, and print a line: guard that is off, scenario, result, states, steps, seconds.
Found check(const Scenario &scenario, const GuardName *without, const Options &options) {
  Guards guards;
  if (without) guards.*(without->flag) = false;
  Model model(scenario, guards, options.fine ? 2 : 1);
  auto start = std::chrono::steady_clock::now();
  Found found = search(
      model.first(),
      [&](const State &s, std::vector<Step<State>> &steps) { model.expand(s, steps); },
      [&](const State &s) { return model.violation(s); }, options.limit);
  std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  bool violated = !found.what.empty();
  const char *result = found.exhausted && !model.truncated() ? "holds" : "bounded";
  printf("%-25s %-21s %-8s %9zu %3d %6.1f\n", without ? without->name : "-", scenario.name.c_str(),
         violated ? "violated" : result, found.states,
         violated ? static_cast<int>(found.trace.size()) : found.depth, elapsed.count());
  if (violated && options.trace) {
    print_setup(scenario);
    print_trace(scenario, found);
    printf("  %s\n", found.what.c_str());
  }
  fflush(stdout);
  return found;
}

bool is_large(const Scenario &scenario) { return scenario.name.rfind("large-", 0) == 0; }

int check_set(const std::vector<Scenario> &scenarios, bool only_small, const Options &options) {
  const GuardName *without = find_guard(options.without);
  bool violated = false;
  for (const Scenario &scenario : scenarios) {
    if (!options.scenario.empty() ? options.scenario != scenario.name
                                  : only_small && !scenario.small)
      continue;
    violated |= !check(scenario, without, options).what.empty();
    if (violated && options.first) break;
  }
  return violated ? 1 : 0;
}

// Check scenarios made at random. Those that are over capacity from the start say nothing.
int check_random(const Options &options) {
  const GuardName *without = find_guard(options.without);
  int violated = 0, checked = 0;
  for (const Scenario &scenario : random_scenarios(options.scenarios, options.seed)) {
    Model model(scenario, Guards(), 1);
    if (!model.violation(model.first()).empty()) continue;
    checked++;
    violated += !check(scenario, without, options).what.empty();
    if (violated && options.first) break;
  }
  printf("%d of %d violated\n", violated, checked);
  return violated ? 1 : 0;
}

// Check all but the large scenarios without a guard, and return its row of a table for the docs.
std::string row_of(const GuardName &guard, const std::vector<Scenario> &scenarios,
                   const Options &options) {
  int caught = 0, checked = 0;
  size_t shortest = SIZE_MAX;
  std::string where = "nothing";
  for (const Scenario &scenario : scenarios) {
    if (is_large(scenario)) continue;
    Found found = check(scenario, &guard, options);
    checked++;
    if (found.what.empty()) continue;
    caught++;
    if (found.trace.size() >= shortest) continue;
    shortest = found.trace.size();
    where = scenario.name;
  }
  char row[120];
  snprintf(row, sizeof row, "| %d | `%s` | %d of %d | `%s`, %zu steps |\n", guard.number,
           guard.name, caught, checked, where.c_str(), shortest);
  return row;
}

// Check each scenario with all guards, and then without each.
int check_all(const std::vector<Scenario> &scenarios, const Options &options) {
  int failed = check_set(scenarios, false, options);
  std::string table = "| | guard off | caught in | shortest trace |\n|---|---|---|---|\n";
  for (const GuardName &guard : GUARDS) table += row_of(guard, scenarios, options);
  printf("\n%s", table.c_str());
  return failed;
}

// Check that a replica lets a booking in without any tick, after another one crashed between its
// CAS and its answer.
int check_witness() {
  Scenario orphaned{
      .name = "witness", .meaning = "", .writes = {create(0, S1), create(1, S2)}, .crashes = 1};
  Model model(orphaned, Guards(), 1, false);
  State first = model.first();
  first.crashes = 1;
  first.replicas[0] = Replica{};
  first.reservation_count = 1;
  first.requests[0].phase = IN_REVIEW;
  Found found = search(
      first, [&](const State &s, std::vector<Step<State>> &steps) { model.expand(s, steps); },
      [](const State &s) {
        bool waits_for_nobody = !s.replicas[0].up && s.reservation_count == 1;
        return std::string(waits_for_nobody && s.requests[1].phase == LANDED ? "reached" : "");
      },
      1000000);
  printf("%s\n", found.what.empty() ? "not reached" : found.what.c_str());
  print_trace(orphaned, found);
  return found.what.empty() ? 1 : 0;
}

int fail(const std::string &problem) {
  fprintf(stderr, "%s\n", problem.c_str());
  return 2;
}

int main(int count, char **arguments) {
  std::string command = count > 1 ? arguments[1] : "";
  Options options;
  for (int i = 2; i < count; i++) {
    std::string argument = arguments[i];
    if (argument.rfind("--without=", 0) == 0) options.without = argument.substr(10);
    else if (argument.rfind("--scenario=", 0) == 0) options.scenario = argument.substr(11);
    else if (argument.rfind("--scenarios=", 0) == 0) options.scenarios = stoi(argument.substr(12));
    else if (argument.rfind("--limit=", 0) == 0) options.limit = stoul(argument.substr(8));
    else if (argument.rfind("--seed=", 0) == 0) options.seed = stoul(argument.substr(7));
    else if (argument == "--trace") options.trace = true;
    else if (argument == "--first") options.first = true;
    else if (argument == "--fine") options.fine = true;
    else return fail("unknown option: " + argument);
  }
  if (!options.without.empty() && !find_guard(options.without))
    return fail("unknown guard: " + options.without);
  std::vector<Scenario> scenarios = make_scenarios();
  if (command == "guards")
    for (const GuardName &guard : GUARDS) printf("%d %s\n", guard.number, guard.name);
  else if (command == "scenarios")
    for (const Scenario &scenario : scenarios)
      printf("%-21s %s%s\n", scenario.name.c_str(), scenario.meaning.c_str(),
             scenario.small ? " (small)" : "");
  else if (command == "small") return check_set(scenarios, true, options);
  else if (command == "random") return check_random(options);
  else if (command == "all") return check_all(scenarios, options);
  else if (command == "witness") return check_witness();
  else return fail("usage: ledger guards|scenarios|small|all|random|witness [OPTION...]");
  return 0;
}
