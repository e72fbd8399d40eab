#include "sluice_plugin_test.hpp"

using namespace sluice::sdk::test;

int main() {
  Bench bench(ABOVE_PLUGIN, R"({"max": 30})");
  const auto room = bench.series("temperature", "Cel");
  const Answer answer = bench.process({bench.reading(room, 1, 30), bench.reading(room, 2, 30.1)});
  SLUICE_EXPECT(answer.words == Words({"pass", "drop:above_max"}));
  SLUICE_EXPECT(answer.values() == std::vector<double>{30});
  return failures();
}
