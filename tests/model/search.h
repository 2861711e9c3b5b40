// Breadth-first search over states, which are compared as a whole: no state is mistaken for
// another.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

// The result of a search. `trace` has the actions of a shortest way to what was found.
struct Found {
  std::string what;
  std::vector<uint16_t> trace;
  size_t states = 0;
  int depth = 0;
  bool exhausted = true;
};

// A set of states that also gives each an index, in the order of insertion.
template <class State>
class StateSet {
 public:
  size_t size() const { return states_.size(); }
  const State &operator[](size_t index) const { return states_[index]; }

  // Return whether the state is new.
  bool insert(const State &state) {
    if (states_.size() * 2 >= table_.size()) grow();
    uint32_t &place = table_[place_of(state)];
    if (place != EMPTY) return false;
    place = static_cast<uint32_t>(states_.size());
    states_.push_back(state);
    return true;
  }

 private:
  static constexpr uint32_t EMPTY = UINT32_MAX;
  std::vector<State> states_;
  std::vector<uint32_t> table_ = std::vector<uint32_t>(1 << 16, EMPTY);

  static uint64_t hash(const State &state) {
    static_assert(sizeof(State) % 8 == 0);
    uint64_t words[sizeof(State) / 8];
    memcpy(words, &state, sizeof state);
    uint64_t mixed = 0;
    for (uint64_t word : words) {
      mixed = (mixed ^ word) * 0x9e3779b97f4a7c15;
      mixed ^= mixed >> 32;
    }
    return mixed;
  }

  // Return the index in the table where the state is or belongs (open addressing).
  size_t place_of(const State &state) const {
    size_t mask = table_.size() - 1;
    size_t place = hash(state) & mask;
    while (table_[place] != EMPTY && memcmp(&states_[table_[place]], &state, sizeof state) != 0)
      place = (place + 1) & mask;
    return place;
  }

  void grow() {
    table_.assign(table_.size() * 2, EMPTY);
    for (size_t index = 0; index < states_.size(); index++)
      table_[place_of(states_[index])] = static_cast<uint32_t>(index);
  }
};

template <class State>
struct Step {
  State state;
  uint16_t action;
};

// Search from one state until `judge` returns a text for a state, or until nothing is new.
//
// `expand(state, steps)` appends the steps that are possible in a state.
template <class State, class Expand, class Judge>
Found search(const State &first, Expand expand, Judge judge, size_t limit) {
  struct Origin {
    uint32_t parent;
    uint16_t action;
  };
  StateSet<State> seen;
  std::vector<Origin> origins{{0, 0}};
  std::vector<Step<State>> steps;
  Found found;
  seen.insert(first);
  size_t level_end = 1;
  for (size_t index = 0; index < seen.size() && found.exhausted; index++) {
    if (index == level_end) {
      found.depth++;
      level_end = seen.size();
    }
    const State current = seen[index];
    found.what = judge(current);
    if (!found.what.empty()) {
      for (size_t at = index; at != 0; at = origins[at].parent)
        found.trace.push_back(origins[at].action);
      std::reverse(found.trace.begin(), found.trace.end());
      break;
    }
    steps.clear();
    expand(current, steps);
    for (const auto &step : steps)
      if (seen.insert(step.state)) origins.push_back({static_cast<uint32_t>(index), step.action});
    found.exhausted = seen.size() <= limit;
  }
  found.states = seen.size();
  return found;
}
