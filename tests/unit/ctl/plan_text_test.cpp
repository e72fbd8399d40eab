#include "ctl/plan_text.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

v1::PlanReport plan() {
  v1::PlanReport plan;
  plan.set_fits(true);
  plan.set_readings(54'000);
  plan.set_span_ns(900'000'000'000);
  plan.set_last_wall_ns(1'700'000'000'123'456'789);
  v1::PipelinePlan& changed = *plan.add_pipelines();
  changed.set_name("rooms");
  changed.set_change(v1::PLAN_CHANGE_CHANGED);
  changed.add_changed_keys("windows[0].tumbling");
  changed.set_series_before(2);
  changed.set_series_after(2);
  changed.add_series_gained("t{device=\"3\"} Cel");
  changed.set_series_gained_count(7);
  changed.add_series_lost("t{device=\"4\"}\x1b[2J");
  changed.set_series_lost_count(1);
  plan.add_pipelines()->set_change(v1::PLAN_CHANGE_ADDED);
  plan.mutable_pipelines(1)->set_name("hall");
  plan.add_pipelines()->set_change(v1::PLAN_CHANGE_REMOVED);
  plan.mutable_pipelines(2)->set_name("old");
  plan.add_pipelines()->set_change(v1::PLAN_CHANGE_SAME);
  plan.add_plugins()->set_change(v1::PLAN_CHANGE_ADDED);
  plan.mutable_plugins(0)->set_name("anomaly");
  plan.add_changed_keys("limits.windows_max");
  plan.mutable_before()->set_summaries_per_hour(3'600);
  plan.mutable_after()->set_summaries_per_hour(1'200);
  v1::RehearsedPipeline& old = *plan.mutable_running()->add_pipelines();
  old.set_name("rooms");
  old.set_in(54'000);
  v1::RehearsedPipeline& next = *plan.mutable_candidate()->add_pipelines();
  next = old;
  next.add_filtered()->set_count(1'234);
  v1::EventPlan& event = *plan.add_events();
  event.set_name("too_hot");
  event.set_severity(v1::EVENT_SEVERITY_ERROR);
  event.set_pipeline("rooms");
  event.set_stage("alert");
  event.set_after(3);
  plan.add_notes("a note");
  return plan;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(PlanText, SaysWhatChangesWhatItComesToAndThatItFits) {
  const std::string text = plan_text("next.yaml", plan());
  EXPECT_TRUE(
      has(text,
          "Plan of next.yaml, rehearsed beside the running config on 54,000 readings of 15m "
          "00s until 2023-11-14 22:13:20Z\n"))
      << text;
  EXPECT_TRUE(has(text,
                  "  ~ rooms: windows[0].tumbling; begins anew, open windows close as "
                  "partial_config\n  + hall\n  - old\n  = 1 unchanged\n"))
      << text;
  EXPECT_TRUE(has(text, "Plugins\n  + anomaly\n")) << text;
  EXPECT_TRUE(has(text, "Other keys\n  ~ limits.windows_max\n")) << text;
  EXPECT_TRUE(has(text, "3,600  1,200   -67 %")) << text;
  EXPECT_TRUE(has(text, "0 → 1,234")) << text;
  EXPECT_TRUE(has(text, "too_hot  error     rooms/alert       0      3")) << text;
  EXPECT_TRUE(has(text, "    + t{device=\"3\"} Cel\n    + and 6 more\n")) << text;
  EXPECT_TRUE(has(text, "Notes\n  a note\n")) << text;
  EXPECT_TRUE(text.ends_with("\nIt fits.\n")) << text;
  EXPECT_FALSE(has(text, "\x1b")) << "what names a series says nothing to the terminal";
}

TEST(PlanText, SaysWhyItDoesNotFit) {
  v1::PlanReport refused = plan();
  refused.set_fits(false);
  refused.add_refusals("storage.quota: too small");
  EXPECT_TRUE(plan_text("f", refused)
                  .ends_with("Refused\n  storage.quota: too small\n\nIt does not fit.\n"));
}

TEST(PlanText, ComparesNothingWithARehearsalThatCameToNoEnd) {
  v1::PlanReport crashed = plan();
  crashed.set_candidate_error("signal 11");
  const std::string text = plan_text("f", crashed);
  EXPECT_FALSE(has(text, "summaries/hour")) << text;
  EXPECT_TRUE(has(text, "  ~ rooms: ")) << text;
}

TEST(PlanText, ShowsErrorsOfTheConfigAsACompilerDoes) {
  v1::PlanReport broken;
  v1::PlanError& error = *broken.add_errors();
  error.set_file("f.yaml");
  error.set_line(7);
  error.set_column(3);
  error.set_key_path("pipelines[0].name");
  error.set_message("expected a name");
  broken.set_errors_left_out(2);
  EXPECT_EQ(plan_text("f.yaml", broken),
            "f.yaml:7:3: pipelines[0].name: expected a name\nand 2 more\n");
}

}  // namespace
}  // namespace sluice::ctl
