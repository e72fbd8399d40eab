#include "aggregate/plugin_aggregate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fakes/power_sum.h"

namespace sluice {
namespace {

std::shared_ptr<const AggregateType> squares(
    double fails_on = std::numeric_limits<double>::quiet_NaN()) {
  return std::make_shared<PowerSum>(2, fails_on);
}

PluginAggregate of(const std::shared_ptr<const AggregateType>& type,
                   const std::vector<double>& values) {
  PluginAggregate aggregate(type);
  for (const double v : values) aggregate.add(0, v);
  return aggregate;
}

std::string bytes_of(const PluginAggregate& aggregate) {
  ByteWriter out;
  aggregate.snapshot(out);
  return out.take();
}

PluginAggregate sealed(const PluginAggregate& aggregate) {
  const std::string bytes = bytes_of(aggregate);
  ByteReader in(bytes);
  return *PluginAggregate::restore(in);
}

PluginAggregate as_received(const PluginAggregate& a) {
  return {std::make_shared<const PluginAggregateIdentity>(a.identity()), a.saved(), a.results()};
}

PluginAggregate lost_after(PluginAggregate aggregate) {
  aggregate.lose();
  return aggregate;
}

TEST(PluginAggregate, FoldsAndMerges) {
  const auto type = squares();
  PluginAggregate all = of(type, {1, 2});
  ASSERT_TRUE(all.merge(of(type, {3})).ok());
  EXPECT_EQ(all.results(), (std::vector<double>{3, 14}));
  EXPECT_FALSE(all.add(0, std::numeric_limits<double>::infinity()));
  ASSERT_TRUE(all.merge(all).ok());
  EXPECT_EQ(all.results(), (std::vector<double>{6, 28}));
  EXPECT_TRUE(std::isnan(of(type, {}).results()[1]));
}

// Of two plugins, of two configs: a number of both would be one of neither.
TEST(PluginAggregate, MergesOnlyWithItsLike) {
  PluginAggregate two = of(squares(), {1, 2});
  const PluginAggregate three = of(std::make_shared<PowerSum>(3), {1, 2});
  EXPECT_EQ(two.merge(three).code(), StatusCode::invalid_argument);
  EXPECT_EQ(two.results(), (std::vector<double>{2, 5}));
}

TEST(PluginAggregate, MergesWithWhatAnotherVersionHolds) {
  PluginAggregate old = of(squares(), {1, 2});
  ASSERT_TRUE(old.merge(of(std::make_shared<PowerSum>(2, 0.5, "2.0.0"), {3})).ok());
  EXPECT_EQ(old.results(), (std::vector<double>{3, 14}));
}

TEST(PluginAggregate, IsLostWithTheCallThatFailed) {
  const auto type = squares(7);
  PluginAggregate lost = of(type, {1, 7, 2});
  EXPECT_TRUE(lost.lost());
  EXPECT_TRUE(lost.results().empty());
  EXPECT_EQ(lost.saved(), "");
  PluginAggregate merged = of(type, {1});
  ASSERT_TRUE(merged.merge(lost).ok());
  EXPECT_TRUE(merged.lost());
  ASSERT_TRUE(lost.merge(of(type, {1})).ok());
  EXPECT_TRUE(lost.lost());
}

TEST(PluginAggregate, IsReadWithoutItsPluginAndMergedWithIt) {
  const auto type = squares();
  PluginAggregate received = as_received(of(type, {1, 2}));
  EXPECT_FALSE(received.open());
  EXPECT_EQ(received.results(), (std::vector<double>{2, 5}));
  EXPECT_EQ(received.merge(as_received(of(type, {3}))).code(), StatusCode::invalid_argument);
  EXPECT_FALSE(received.open_with(std::make_shared<PowerSum>(3)));
  ASSERT_TRUE(received.open_with(type));
  ASSERT_TRUE(received.merge(of(type, {3})).ok());
  EXPECT_EQ(received.results(), (std::vector<double>{3, 14}));
}

TEST(PluginAggregate, KeepsWhatItCannotOpen) {
  const auto type = squares();
  PluginAggregateIdentity identity = type->identity();
  identity.version = "0.9";
  PluginAggregate other(std::make_shared<const PluginAggregateIdentity>(identity), "not ours",
                        {2, 5});
  EXPECT_FALSE(other.open_with(type));
  EXPECT_FALSE(other.open_with(nullptr));
  EXPECT_FALSE(other.lost());
  EXPECT_EQ(other.saved(), "not ours");
}

/// Accepts what it refused the time before, and says how often it was asked.
struct Fickle : PowerSum {
  Fickle() : PowerSum(2) {}
  bool restore(std::byte* state, std::string_view bytes,
               const std::string& version) const override {
    return asked++ > 0 && PowerSum::restore(state, bytes, version);
  }
  mutable int asked = 0;
};

// A second answer would be another: lost or not, each window has one.
TEST(PluginAggregate, AsksAPluginOnceWhetherItGoesOn) {
  const auto fickle = std::make_shared<Fickle>();
  PluginAggregate window = sealed(of(squares(), {1, 2}));
  window.go_on_with(fickle);
  EXPECT_EQ(fickle->asked, 1);
  EXPECT_TRUE(window.lost());
  EXPECT_TRUE(window.refused());
  EXPECT_TRUE(window.open());
}

TEST(PluginAggregate, ThatIsLostComesBackByNoType) {
  PluginAggregate half = as_received(of(squares(), {1, 2}));
  ASSERT_TRUE(half.merge(PluginAggregate::lost_of(half.key())).ok());
  ASSERT_TRUE(half.open_with(squares()));
  EXPECT_TRUE(half.lost());
  EXPECT_FALSE(half.refused());
}

/// Writes more each time.
struct Growing : PowerSum {
  Growing() : PowerSum(2) {}
  bool save(const std::byte* state, std::string& out) const override {
    out.append(static_cast<std::size_t>(++saves), 'x');
    return saves < 3 && PowerSum::save(state, out);
  }
  mutable int saves = 0;
};

TEST(PluginAggregate, IsSavedOnceWhenItIsSealed) {
  const auto growing = std::make_shared<Growing>();
  PluginAggregate window = of(growing, {1, 2});
  window.seal();
  const std::string bytes = window.saved();
  EXPECT_EQ(window.saved(), bytes);
  EXPECT_EQ(bytes_of(window), bytes_of(window));
  EXPECT_GE(window.state_bytes(), bytes.size());
  window.seal();
  EXPECT_EQ(growing->saves, 1);
  EXPECT_EQ(window.identity().version, "1.0.0");
  EXPECT_EQ(window.results(), (std::vector<double>{2, 5}));
}

TEST(PluginAggregate, IsLostWhenItCannotBeSaved) {
  const auto growing = std::make_shared<Growing>();
  growing->saves = 5;
  PluginAggregate window = of(growing, {1, 2});
  window.seal();
  EXPECT_TRUE(window.lost());
  EXPECT_TRUE(window.results().empty());
  EXPECT_EQ(window.saved(), "");
  ASSERT_NE(window.fault(), nullptr);
}

TEST(PluginAggregate, KnowsWhichCallItWasLostBy) {
  const auto type = squares(7);
  PluginAggregate window = of(type, {1, 7});
  ASSERT_NE(window.fault(), nullptr);
  EXPECT_EQ(*window.fault(), "add: 'told to'");
  PluginAggregate merged = of(type, {1});
  ASSERT_TRUE(merged.merge(window).ok());
  EXPECT_EQ(*merged.fault(), "add: 'told to'");
  EXPECT_EQ(of(type, {1}).fault(), nullptr);
  // What failed on a node is not known where it arrives.
  EXPECT_EQ(sealed(window).fault(), nullptr);
}

TEST(PluginAggregate, GivesBackWhatItWroteAndRefusesTheRest) {
  const auto type = squares(7);
  for (const PluginAggregate& aggregate :
       {of(type, {1, 2}), of(type, {}), of(type, {7}), as_received(of(type, {1, 2})),
        PluginAggregate::lost_of(type->key()), lost_after(as_received(of(type, {1, 2})))}) {
    const std::string bytes = bytes_of(aggregate);
    PluginAggregate again = sealed(aggregate);
    EXPECT_EQ(bytes_of(again), bytes);
    ASSERT_TRUE(again.open_with(type));
    EXPECT_EQ(again.lost(), aggregate.lost());
    EXPECT_EQ(again.saved(), aggregate.saved());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      ByteReader cut(std::string_view(bytes).substr(0, size));
      EXPECT_EQ(PluginAggregate::restore(cut).status().code(), StatusCode::data_loss) << size;
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x81);
      ByteReader in(damaged);
      const auto restored = PluginAggregate::restore(in);
      if (restored.ok()) (void)bytes_of(*restored);
    }
  }
}

}  // namespace
}  // namespace sluice
