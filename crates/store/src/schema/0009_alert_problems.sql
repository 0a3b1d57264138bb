-- Notices that reached nobody, by when: for health.
CREATE INDEX alert_notice_problem ON alert_notice(at) WHERE problem IS NOT NULL;
