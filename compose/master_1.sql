-- Five rows here, none on the other master: the initial copy brings them there.
create table test1 (a int primary key, b int);
insert into test1 select i, i * 10 from generate_series(1, 5) i;
