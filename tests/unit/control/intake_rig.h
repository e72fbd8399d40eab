#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "control/config_intake.h"
#include "fakes/fake_clock.h"
#include "unit/control/memory_revisions.h"

namespace sluice {

/// An intake that takes unsigned configs, whose text is the name of their one pipeline. The owner
/// of the keeper is who calls step().
class IntakeRig {
 public:
  IntakeRig() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-intake-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    trust_ = std::make_unique<TrustKeeper>(dir_, dir_);
    const auto read = [](const std::string& document, RevisionOrigin) -> Result<v1::Config> {
      v1::Config config;
      config.add_pipelines()->set_name(document);
      return config;
    };
    ConfigKeeper::Options options;
    options.probation_ns = 0;
    keeper_ = std::make_unique<ConfigKeeper>(
        revisions_, clock_, options,
        ConfigActions{.read = read,
                      .check = read,
                      .put_into_effect = [](const v1::Config&) { return Status(); },
                      .health = [] { return HealthSample(); },
                      .wake_owner = [] {},
                      .changed = [] {}});
    EXPECT_TRUE(keeper_->start("file", *read("file", RevisionOrigin::file)).ok());
    keeper_->started();
    intake_ = std::make_unique<ConfigIntake>(ConfigIntake::Options{{"gw-1", {}, {}}, true}, *trust_,
                                             revisions_, *keeper_, [] { return KnownTime(); });
  }
  ~IntakeRig() { std::filesystem::remove_all(dir_); }

  ConfigIntake& intake() { return *intake_; }
  ConfigKeeper& keeper() { return *keeper_; }

 private:
  std::string dir_;
  MemoryRevisions revisions_;
  FakeClock clock_;
  std::unique_ptr<TrustKeeper> trust_;
  std::unique_ptr<ConfigKeeper> keeper_;
  std::unique_ptr<ConfigIntake> intake_;
};

}  // namespace sluice
