import math

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from torch.utils.tensorboard import SummaryWriter

from udaln.monitor import board


def written(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def test_a_figure_has_one_card_and_what_is_not_finite_has_none():
    named = [name for names in board.GROUPS.values() for name in names]
    assert len(named) == len(set(named)) and set(board.HEADLINES) <= set(named)
    figures = {"psnr": 40.0, "sam": math.nan, "hqnr": math.inf, "bands_displaced": 3}
    assert board.cards(figures) == {"1 headlines/psnr": 40.0}


def test_a_run_that_is_going_on_has_its_settings_and_no_end(tmp_path):
    writer = SummaryWriter(str(tmp_path))
    session = board.Session(writer, {"seed": 3, "method": "udaln", "dataset.snr_hsi": None, "shuffle": True})
    session.start()
    metadata = written(tmp_path).summary_metadata
    assert "_hparams_/session_end_info" not in metadata
    content = metadata["_hparams_/session_start_info"].plugin_data.content
    found = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert found["seed"].number_value == 3 and found["method"].string_value == "udaln"
    assert found["dataset.snr_hsi"].string_value == "None" and found["shuffle"].string_value == "True"
    session.end()
    assert "_hparams_/session_end_info" in written(tmp_path).summary_metadata
    writer.close()


def test_charts_of_training_are_laid_out_only_if_something_is_trained(tmp_path):
    for trained, titles in ((False, ["headlines"]), (True, ["headlines", "training"])):
        folder = tmp_path / str(trained)
        writer = SummaryWriter(str(folder))
        board.add_layout(writer, trained=trained)
        writer.close()
        text = written(folder).Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
        assert [category.title for category in layout_pb2.Layout.FromString(text).category] == titles
