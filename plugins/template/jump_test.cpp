#include "sluice_plugin_test.hpp"

using namespace sluice::sdk::test;

int main() {
  Bench bench(JUMP_PLUGIN, R"({"max_step": 5})");
  const auto room = bench.series("temperature", "Cel", {{"room", "a"}});
  const auto hall = bench.series("temperature", "Cel", {{"room", "b"}});

  // Each series is compared with its own last reading that passed.
  const Answer answer = bench.process({bench.reading(room, 1, 20), bench.reading(hall, 2, 90),
                                       bench.reading(room, 3, 90), bench.reading(room, 4, 25)});
  SLUICE_EXPECT(answer.words == Words({"pass", "pass", "drop:too_far", "pass"}));

  // A restart of the daemon changes nothing, and a damaged snapshot is refused.
  bench.restart();
  SLUICE_EXPECT(bench.process({bench.reading(room, 5, 31)}).words == Words({"drop:too_far"}));
  SLUICE_EXPECT(bench.restore_fresh("damaged", "1.0.0") != "");
  return failures();
}
